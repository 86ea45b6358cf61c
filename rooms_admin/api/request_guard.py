"""Guards every admin route: authentication, rate limit, role, body size, idempotency, audit log, in this order."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message

from http_serving.callers import caller_network
from http_serving.connection_limit import prove
from http_serving.errors import (
    InvalidRequest,
    NumberRefused,
    ServiceError,
    TooManyRequests,
    Unauthorized,
)
from http_serving.rate_limiter import TokenBuckets
from http_serving.request_body import BODY_TIMEOUT_S, read_body
from rooms_admin.auth.api_keys import AdminRole, Caller
from rooms_admin.idempotency import IdempotencyStore, KeyClaim, StoredResponse, checked_key, fingerprint
from storage.errors import StoreUnavailable, UnstorableValue

logger = logging.getLogger(__name__)
audit = logging.getLogger("rooms_admin.audit")

BODY_LIMIT = 256 * 1024
"""Bytes. A room with 350 participants and long names has some 150 KiB."""
STORED_HEADERS = ("location", "etag", "content-type")
"""Response headers stored for repeated requests."""
NEVER_STORED = ("/token", "/tickets", "/api/subscriptions", "/api/createSession")
"""Endings of paths whose responses are secrets: they are never stored, and a repeated request makes a new one."""
CONTROLLING = ("/interpreter", "/messages", "/api/startTranslation", "/api/stopTranslation", "/api/endSession")
"""Endings of paths whose changes need the role `Interpreter.Control`; all others need `Rooms.Manage`."""

SECURITY: list[dict[str, list[str]]] = [{"APIKeyHeader": []}, {"HTTPBearer": []}]
"""Security schemes of the OpenAPI document, either of which is sufficient."""

Authorise = Callable[[Request], Awaitable[Caller]]
"""Identifies the caller of a request, or raises `Unauthorized`."""
RouteHandler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Rate limits: `reads` and `changes` by caller, `unauthenticated` by network and for rejected requests only."""

    reads: TokenBuckets
    changes: TokenBuckets
    unauthenticated: TokenBuckets


@dataclass(frozen=True, slots=True)
class RequestGuard:
    """Authenticates, limits and deduplicates requests."""

    authorise: Authorise
    limits: RequestLimits | None = None
    idempotency: IdempotencyStore | None = None
    """None: the Idempotency-Key header is ignored."""
    body_timeout_s: float = BODY_TIMEOUT_S

    async def admit(self, request: Request) -> Caller:
        """Return the caller; raises `Unauthorized`, `TooManyRequests`, `Forbidden` or `Overloaded`."""
        try:
            caller = await self.authorise(request)
        except Unauthorized:
            if self.limits is not None:
                take(self.limits.unauthenticated, caller_network(request.scope))
            raise
        request.state.caller = caller
        if self.limits is not None:
            reads = request.method in ("GET", "HEAD")
            take(self.limits.reads if reads else self.limits.changes, caller.name)
        caller.check(role_for(request.method, request.url.path))
        prove(request.scope, "caller")
        return caller

    async def handle(self, request: Request, handler: RouteHandler) -> Response:
        """Admit the caller, read the body, then carry the request out or return its stored response."""
        caller = await self.admit(request)
        body = b""
        if request.method != "GET" or {"content-length", "transfer-encoding"} & set(request.headers):
            body = await read_body(request, BODY_LIMIT, self.body_timeout_s)
        key = request.headers.get("idempotency-key")
        if (
            self.idempotency is None
            or key is None
            or request.method != "POST"
            or request.url.path.endswith(NEVER_STORED)
        ):
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
        headers = {name: response.headers[name] for name in STORED_HEADERS if name in response.headers}
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
            # Raised by FastAPI: the body is no text, or too deeply nested.
            raise InvalidRequest("the body cannot be read") from error
        except (ServiceError, StoreUnavailable, UnstorableValue) as error:
            outcome = error.code
            raise
        finally:
            if changes:
                fields = {"caller": caller.name, "method": request.method, "path": request.url.path, "outcome": outcome}
                room_id = getattr(request.state, "room_id", None) or request.path_params.get("room_id")
                audit.info("change", extra=fields | ({"room_id": room_id} if room_id else {}))


def role_for(method: str, path: str) -> AdminRole:
    """Return the role a request needs."""
    if method in ("GET", "HEAD"):
        return "Rooms.Read"
    return "Interpreter.Control" if path.endswith(CONTROLLING) else "Rooms.Manage"


def guarded_by(guard: RequestGuard) -> type[APIRoute]:
    """Return a route class that authenticates the caller before it reads the body.

    A dependency could not do so: FastAPI validates the body first, and would report on it to unauthenticated callers.
    """

    class GuardedRoute(APIRoute):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            # Declared in the document only: as FastAPI dependencies the schemes would cost a tenth of every request.
            super().__init__(*arguments, **{**options, "openapi_extra": {"security": SECURITY}})

        def get_route_handler(self) -> RouteHandler:
            answer = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                return await guard.handle(request, answer)

            return guarded

    return GuardedRoute


def take(buckets: TokenBuckets, name: str) -> None:
    """Count a request; `TooManyRequests` if there are too many."""
    if wait := buckets.take(name):
        raise TooManyRequests.after(wait)


def with_body(request: Request, body: bytes) -> Request:
    """Return the request with `body` to be read first, then what else the connection receives."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await request.receive()

    return Request(request.scope, receive)


def invalid(error: RequestValidationError) -> InvalidRequest:
    """Convert a validation error: which fields are invalid and why, without internals of the validation."""
    details: list[dict[str, object]] = []
    for one in error.errors():
        where = [str(part) for part in one["loc"][1:]]  # the first is body, query or path
        if one["type"] == "json_invalid":
            return InvalidRequest("the body is not JSON")
        details.append({"field": ".".join(where), "reason": str(one["msg"]).removeprefix("Value error, ")})
    refused = NumberRefused if any(map(_is_unstorable, error.errors())) else InvalidRequest
    return refused("fields of the request are not valid", details=details)


def _is_unstorable(problem: Mapping[str, Any]) -> bool:
    """Say whether a problem is a number beyond what readers of JSON keep exactly (RFC 8259, section 6)."""
    given = problem["input"]
    return problem["type"] == "finite_number" or (isinstance(given, int | float) and not abs(given) < 2**53)
