"""Counts refused requests and reports them once a minute, one line of the log per caller; refuses upgrades.

A caller is named by its key or application if it has proved who it is, otherwise by its network.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.types import Scope, Send

from http_serving.callers import caller_network
from http_serving.connection_limit import PROOF

logger = logging.getLogger(__name__)

REPORT_S = 60.0
"""Seconds between reports."""
MOST_CALLERS = 100
"""Callers named in a report; what is refused to further ones is reported under `OTHERS`."""
OTHERS = "others"
FEW = 10
"""Fewer refusals of a caller than that are no reason for a warning."""

_ENDPOINTS = ("/api/join", "/api", "/webhooks/eventgrid", "/webhooks/calls", "/media", "/ws")
"""Beginnings of paths; the rest of a path may be a secret."""
_REFUSED = "interpreter.refused"
"""Key of the function among the extensions of an ASGI scope."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Requests that were refused to a caller at an endpoint for a reason, within one period."""

    caller: str
    endpoint: str
    reason: str
    """Code of the error response."""
    count: int


KeepRefusals = Callable[[list[Refusal]], Awaitable[None]]
"""Stores a report for admins. Must not fail."""


def refused(scope: Mapping[str, Any], reason: str) -> None:
    """Count a refused request or upgrade. Does nothing under another server."""
    note: Callable[[str, str, str], None] | None = scope.get("extensions", {}).get(_REFUSED)
    if note is not None:
        caller = getattr(scope.get("state", {}).get("caller"), "name", None) or caller_network(scope)
        note(caller, endpoint_of(scope["path"]), reason)


def is_refusal(scope: Mapping[str, Any], status: int) -> bool:
    """Say whether an error response refuses a caller: without proof any may be an attempt at something."""
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        return True
    return 400 <= status < 500 and PROOF not in scope.get("state", {})


def endpoint_of(path: str) -> str:
    """Return the part of a path that says which endpoint it is."""
    return next((one for one in _ENDPOINTS if path == one or path.startswith(f"{one}/")), "other")


async def refuse_upgrade(
    scope: Scope, send: Send, status: int, code: str, message: str, *, retry_after_s: float | None = None
) -> None:
    """Answer the upgrade request with an HTTP error; servers without that extension answer 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    error: dict[str, object] = {"code": code, "message": message}
    headers = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if retry_after_s is not None:
        error["retry_after_ms"] = max(1, round(retry_after_s * 1000))
        headers.append((b"retry-after", str(max(1, math.ceil(retry_after_s))).encode()))
    body = json.dumps({"error": error}).encode()
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "websocket.http.response.start", "status": int(status), "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


class Refusals:
    """The refusals since the last report."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._callers: set[str] = set()
        self.totals: Counter[tuple[str, str]] = Counter()
        """All refusals since the start, by endpoint and reason."""

    def begin(self, scope: Any) -> None:
        """Let `refused` work with the scope of a request."""
        scope.setdefault("extensions", {})[_REFUSED] = self.count

    def count(self, caller: str, endpoint: str, reason: str) -> None:
        if caller not in self._callers and len(self._callers) >= MOST_CALLERS:
            caller = OTHERS
        else:
            self._callers.add(caller)
        self._counts[caller, endpoint, reason] += 1
        self.totals[endpoint, reason] += 1

    def report(self) -> list[Refusal]:
        """Log what was refused to each caller, and begin anew."""
        found = [Refusal(*what, count) for what, count in self._counts.items()]
        self._counts.clear()
        self._callers.clear()
        by_caller: dict[str, dict[str, int]] = {}
        for one in found:
            by_caller.setdefault(one.caller, {})[f"{one.endpoint} {one.reason}"] = one.count
        for caller, counts in by_caller.items():
            level = logging.WARNING if sum(counts.values()) >= FEW else logging.INFO
            logger.log(level, "requests refused", extra={"caller": caller, "refused": counts, "within_s": REPORT_S})
        return found

    async def run(self, keep: KeepRefusals) -> None:
        """Report until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(REPORT_S)
                if found := self.report():
                    await keep(found)
        finally:
            self.report()
