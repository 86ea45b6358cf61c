"""What every route does before its own work: proof first, then rate, then size, then whether it was asked before."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message

from http_serving.errors import (
    InvalidRequest,
    ServiceError,
    TooManyRequests,
    Unauthorized,
)
from http_serving.rate_limiter import TokenBuckets
from http_serving.request_body import BODY_TIMEOUT_S, read_body
from rooms_admin.auth.api_keys import AdminRole, Caller
from rooms_admin.idempotency import IdempotencyStore, KeyClaim, StoredResponse, checked_key, fingerprint

logger = logging.getLogger(__name__)
audit = logging.getLogger("rooms_admin.audit")

BODY_LIMIT = 256 * 1024  # bytes; a room with 350 participants and long names has some 150 KiB
KEPT_HEADERS = ("location", "etag", "content-type")
NEVER_KEPT = ("/token", "/tickets", "/api/subscriptions")
"""How paths end whose answers are secrets: asked again, they make a new one, and nothing is written down."""

SECURITY: list[dict[str, list[str]]] = [{"APIKeyHeader": []}, {"HTTPBearer": []}]
"""Names of the schemes, one of which is needed."""

Authorise = Callable[[Request], Awaitable[Caller]]
"""Tells who asks, or raises."""
RouteHandler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """How often callers may ask, each by name; unauthenticated by address, and only what they do in vain counts."""

    reads: TokenBuckets
    changes: TokenBuckets
    unauthenticated: TokenBuckets


@dataclass(frozen=True, slots=True)
class RequestGuard:
    """Who may come in, and how."""

    authorise: Authorise
    limits: RequestLimits | None = None
    idempotency: IdempotencyStore | None = None
    """None: Idempotency-Key is not looked at."""
    body_timeout_s: float = BODY_TIMEOUT_S

    async def admit(self, request: Request) -> Caller:
        try:
            caller = await self.authorise(request)
        except Unauthorized:
            if self.limits is not None:
                take(self.limits.unauthenticated, request.client.host if request.client else "")
            raise
        if self.limits is not None:
            reads = request.method in ("GET", "HEAD")
            take(self.limits.reads if reads else self.limits.changes, caller.name)
        caller.check(role_for(request.method, request.url.path))
        return caller

    async def handle(self, request: Request, handler: RouteHandler) -> Response:
        """Admit, read the body within limits, carry the request out unless that was done before."""
        caller = request.state.caller = await self.admit(request)
        body = b""
        if request.method != "GET" or {"content-length", "transfer-encoding"} & set(request.headers):
            body = await read_body(request, BODY_LIMIT, self.body_timeout_s)
        key = request.headers.get("idempotency-key")
        if self.idempotency is None or key is None or request.method != "POST" or request.url.path.endswith(NEVER_KEPT):
            return await self._carry_out(request, body, handler, caller)
        wanted = fingerprint(request.method, request.url.path, request.scope["query_string"], body)
        claim = await self.idempotency.claim(caller.name, checked_key(key), wanted)
        if isinstance(claim, StoredResponse):
            return Response(claim.body, claim.status, {**claim.headers, "Idempotency-Replayed": "true"})
        return await self._once(self.idempotency, claim, request, body, handler, caller)

    async def _once(
        self,
        idempotency: IdempotencyStore,
        claim: KeyClaim,
        request: Request,
        body: bytes,
        handler: RouteHandler,
        caller: Caller,
    ) -> Response:
        request.state.claim = claim
        try:
            response = await self._carry_out(request, body, handler, caller)
        except BaseException:
            await idempotency.release(claim)
            raise
        headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        room_id = getattr(request.state, "room_id", None) or request.path_params.get("room_id")
        await idempotency.keep(claim, StoredResponse(response.status_code, bytes(response.body), headers), room_id)
        return response

    async def _carry_out(self, request: Request, body: bytes, handler: RouteHandler, caller: Caller) -> Response:
        changes = request.method not in ("GET", "HEAD")
        outcome: int | str = "failed"
        try:
            response = await handler(with_body(request, body))
            outcome = response.status_code
            return response
        except RequestValidationError as error:
            outcome = "invalid_request"
            raise invalid(error) from error
        except HTTPException as error:
            outcome = error.status_code
            if error.status_code != 400:
                raise
            # FastAPI's own: the body is no text, or too deeply nested.
            raise InvalidRequest("the body cannot be read") from error
        except ServiceError as error:
            outcome = error.code
            raise
        finally:
            if changes:
                fields = {"caller": caller.name, "method": request.method, "path": request.url.path, "outcome": outcome}
                room_id = getattr(request.state, "room_id", None) or request.path_params.get("room_id")
                audit.info("change", extra=fields | ({"room_id": room_id} if room_id else {}))


def role_for(method: str, path: str) -> AdminRole:
    """The role a request needs."""
    if method in ("GET", "HEAD"):
        return "Rooms.Read"
    return "Interpreter.Control" if path.endswith("/interpreter") else "Rooms.Manage"


def guarded_by(guard: RequestGuard) -> type[APIRoute]:
    """Routes that ask who is there before a byte of the body is read, and read it within limits.

    A dependency could not: FastAPI reads and judges the body first, and would tell a stranger about it.
    """

    class GuardedRoute(APIRoute):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            # Said in the description alone: as FastAPI's dependencies the two would cost a tenth of every request.
            super().__init__(*arguments, **{**options, "openapi_extra": {"security": SECURITY}})

        def get_route_handler(self) -> RouteHandler:
            answer = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                return await guard.handle(request, answer)

            return guarded

    return GuardedRoute


def take(buckets: TokenBuckets, name: str) -> None:
    if wait := buckets.take(name):
        raise TooManyRequests.after(wait)


def with_body(request: Request, body: bytes) -> Request:
    """The same request, with its body still to be read; after it, whatever else the connection says."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await request.receive()

    return Request(request.scope, receive)


def invalid(error: RequestValidationError) -> InvalidRequest:
    """Which fields are wrong and why, without a word about how they were checked."""
    details: list[dict[str, object]] = []
    for one in error.errors():
        where = [str(part) for part in one["loc"][1:]]  # the first says body, query or path
        if one["type"] == "json_invalid":
            return InvalidRequest("the body is not JSON")
        details.append({"field": ".".join(where), "reason": str(one["msg"]).removeprefix("Value error, ")})
    return InvalidRequest("the request is not valid", details=details)
