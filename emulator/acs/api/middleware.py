"""What every request passes through: faults, signature, api-version, repeatability, common headers, error bodies."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import OrderedDict
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from emulator.acs.auth.entra import LocalEntra
from emulator.acs.auth.signing import check_signature
from emulator.acs.wire.errors import AcsError
from emulator.clock import monotonic, utc_now
from emulator.faults import FaultPlan, HttpFault
from emulator.journal import Journal
from emulator.randomness import token_bytes, uuid4

logger = logging.getLogger(__name__)

CALLING_VERSIONS = (
    "2023-03-06, 2023-10-15, 2024-04-15, 2024-06-15-preview, 2024-09-01-preview, 2024-09-15, 2024-11-15-preview, "
    "2025-03-30-preview, 2025-05-15, 2025-06-15, 2025-08-15-preview, 2026-03-12"
)
ROOMS_VERSIONS = "2023-06-14, 2024-04-15, 2025-03-13"
IDENTITY_VERSIONS = (
    "2021-03-07, 2022-06-01, 2022-10-01, 2023-10-01, 2025-03-02-preview, 2025-06-30, 2026-07-22, 2026-09-23"
)
# The api-versions that each service accepts, by path prefix.
_SERVICES = {
    "/calling/": CALLING_VERSIONS,
    "/rooms": ROOMS_VERSIONS,
    "/identities": IDENTITY_VERSIONS,
    "/teamsUser/": IDENTITY_VERSIONS,
}
# Paths without credentials: bots read them to verify the service's tokens.
OPEN_PATHS = frozenset({"/calling/keys", "/calling/.well-known/acsopenidconfiguration"})
# How many answers are kept for repeated requests.
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes | None


class ServiceMiddleware:
    """The middleware of the ACS port."""

    def __init__(self, *, key: bytes, skew_s: float, entra: LocalEntra, faults: FaultPlan, journal: Journal) -> None:
        self._key = key
        self._entra = entra
        self._skew_s = skew_s
        self._faults = faults
        self._journal = journal
        self._answers: OrderedDict[str, asyncio.Future[_Answer]] = OrderedDict()

    def clear(self) -> None:
        """Forget the answers kept for repeated requests."""
        self._answers.clear()

    def middleware(self) -> Middleware:
        """Return the middleware, for `web.Application`."""

        @web.middleware
        async def front(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/emulator/"):
                return await _with_error_bodies(request, handler)
            started = monotonic()
            fault = self._faults.http(request.method, request.path)
            response = await self._faulted(request, handler, fault)
            self._add_headers(request, response)
            self._journal.note(
                "http",
                method=request.method,
                path=request.path,
                status=response.status,
                ms=round((monotonic() - started) * 1000, 1),
                fault=fault is not None,
            )
            return response

        return front

    async def _faulted(self, request: web.Request, handler: Handler, fault: HttpFault | None) -> web.StreamResponse:
        if fault is not None:
            await asyncio.sleep(fault.delay_ms / 1000)
            if fault.reset and request.transport is not None:
                request.transport.abort()
                return web.Response(status=500)
            if fault.status is not None:
                response = AcsError(
                    fault.status, str(fault.status), "This error was requested by the fault document."
                ).response()
                if fault.body is not None:
                    response = web.Response(text=fault.body, status=fault.status, content_type=_body_type(fault.status))
                response.headers.update(fault.headers)
                if fault.retry_after is not None:
                    response.headers["Retry-After"] = str(fault.retry_after)
                return response
        return await _with_error_bodies(request, self._admitted(handler))

    def _admitted(self, handler: Handler) -> Handler:
        async def admit(request: web.Request) -> web.StreamResponse:
            versions = _versions_of(request.path)
            if versions is None or request.path in OPEN_PATHS:
                return await handler(request)
            await self._check_credentials(request)
            if _asked_version(request) not in versions.split(", "):
                raise AcsError(400, "UnsupportedApiVersion", f"Use one of the api-versions {versions}.")
            return await self._once(request, handler)

        return admit

    async def _check_credentials(self, request: web.Request) -> None:
        """Check the signature with the access key, or the bearer token of the local Entra."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            self._entra.check(token.strip())
            return
        check_signature(
            self._key,
            request.method,
            request.raw_path,
            request.headers,
            await request.read(),
            now=utc_now(),
            skew_s=self._skew_s,
            strict=self._faults.switches.strict_signing,
        )

    async def _once(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve a request, or repeat the first answer if its repeatability id was seen before."""
        request_id = request.headers.get("Repeatability-Request-ID")
        if request_id is None or request.method not in ("POST", "PUT", "PATCH"):
            return await handler(request)
        known = self._answers.get(f"{request.method} {request.path} {request_id}")
        if known is not None:
            first = await asyncio.shield(known)
            return web.Response(status=first.status, headers=first.headers, body=first.body)
        pending: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        key = f"{request.method} {request.path} {request_id}"
        self._answers[key] = pending
        if len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)
        try:
            response = await handler(request)
        except AcsError as refused:
            response = refused.response()
        except BaseException:
            # There is no answer to repeat: requests that wait for it get a 500.
            self._answers.pop(key, None)
            pending.set_result(_Answer(500, {}, None))
            raise
        response.headers["Repeatability-Result"] = "accepted"
        body = response.body if isinstance(response, web.Response) else None
        pending.set_result(_Answer(response.status, dict(response.headers), body if isinstance(body, bytes) else None))
        return response

    def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        versions = _versions_of(request.path)
        if versions is None:
            return
        headers = response.headers
        headers["api-supported-versions"] = versions
        headers["MS-CV"] = base64.b64encode(token_bytes(16)).decode().rstrip("=") + ".0"
        if request.path.startswith("/calling/"):
            headers.setdefault("X-Microsoft-Skype-Chain-ID", uuid4())
        client_request_id = request.headers.get("x-ms-client-request-id")
        if client_request_id is not None and client_request_id.isascii() and client_request_id.isprintable():
            headers["x-ms-client-request-id"] = client_request_id


def _body_type(status: int) -> str:
    return "application/json" if status < 300 else "text/html"


def _versions_of(path: str) -> str | None:
    for prefix, versions in _SERVICES.items():
        if path.startswith(prefix):
            return versions
    return None


def _asked_version(request: web.Request) -> str:
    """Return the requested api-version. On a `nextLink` the Python SDK writes the name of its enum member instead of
    its value ("ApiVersion.V2025_03_13"); it is translated, since paging would not work otherwise."""
    asked = request.query.get("api-version", "")
    return asked.removeprefix("ApiVersion.V").replace("_", "-")


async def _with_error_bodies(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal, and every error of the emulator itself, into the service's error body."""
    try:
        return await handler(request)
    except AcsError as refused:
        return refused.response()
    except web.HTTPException as refused:
        if refused.status < 400:
            raise
        return AcsError(
            refused.status, "NotFound" if refused.status == 404 else str(refused.status), refused.reason
        ).response()
    except asyncio.CancelledError:
        raise
    except Exception:
        logger.exception("request failed", extra={"method": request.method, "path": request.path})
        return AcsError(500, "InternalServerError", "The emulator has an internal error; see its log.").response()
