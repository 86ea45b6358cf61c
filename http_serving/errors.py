"""Errors that become HTTP responses, each with its status and code. Imports no HTTP library.

    ServiceError
    ├── InvalidRequest      400 invalid_request      cannot be read, or contradicts itself
    │   └── NumberRefused   422 invalid_request      contains a number that nothing can store
    ├── Unauthorized        401 unauthorized         no or invalid authentication
    │   └── TokenRejected                            with the reason
    ├── Forbidden           403 forbidden            authenticated, but without the role
    ├── NotFound            404 not_found
    ├── RequestTooSlow      408 request_timeout      the body did not arrive in time
    ├── Conflict            409 conflict             the state does not allow it
    ├── RequestTooLarge     413 payload_too_large
    ├── TooManyRequests     429 rate_limited
    └── Overloaded          503 overloaded           the same request may succeed later
        └── KeysUnavailable 503 unavailable          no key set could be fetched yet

Other folders derive their errors from these. `bot/error_responses.py` turns every one into
the same response body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

TokenProblem = Literal[
    "missing",
    "malformed",
    "algorithm",
    "signature",
    "unknown key",
    "issuer",
    "audience",
    "expired",
    "not yet valid",
    "application",
]


class ServiceError(Exception):
    """Base of errors that end a request. `details` is a list of small objects such as `{"field"?, "reason"}`."""

    status: int = 500
    code: str = "internal"

    def __init__(
        self,
        message: str,
        *,
        details: Sequence[Mapping[str, object]] = (),
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.retry_after_ms = retry_after_ms


class InvalidRequest(ServiceError):
    """The request cannot be read, or contradicts itself."""

    status = 400
    code = "invalid_request"

    @classmethod
    def about(cls, field: str, reason: str) -> Self:
        """Build the error for one field or header."""
        return cls(f"{field} is not valid", details=[{"field": field, "reason": reason}])


class NumberRefused(InvalidRequest):
    """The request contains a number that is not finite, or too large for any field."""

    status = 422


class Unauthorized(ServiceError):
    """The caller is not authenticated."""

    status = 401
    code = "unauthorized"


class TokenRejected(Unauthorized):
    """The bearer token is not accepted; `reason` is one of a closed set."""

    def __init__(self, reason: TokenProblem) -> None:
        super().__init__(f"the bearer token is not accepted: {reason}", details=[{"reason": reason}])
        self.reason = reason


class Forbidden(ServiceError):
    """The caller is authenticated but lacks the role."""

    status = 403
    code = "forbidden"


class NotFound(ServiceError):
    """The resource does not exist."""

    status = 404
    code = "not_found"


class RequestTooSlow(ServiceError):
    """The body did not arrive in time."""

    status = 408
    code = "request_timeout"


class Conflict(ServiceError):
    """The current state of the resource does not allow the request."""

    status = 409
    code = "conflict"


class RequestTooLarge(ServiceError):
    """The body is larger than this route accepts."""

    status = 413
    code = "payload_too_large"


class TooManyRequests(ServiceError):
    """The caller exceeded its rate. Event Grid retries after 10 s; after a 503 after 30 s, after a 401 after 5 min."""

    status = 429
    code = "rate_limited"

    @classmethod
    def after(cls, wait_s: float) -> TooManyRequests:
        """Build the error for a rate limiter that requires waiting `wait_s` seconds."""
        return cls("too many requests", retry_after_ms=max(1, round(wait_s * 1000)))


class Overloaded(ServiceError):
    """There is no capacity for the request now; the sender should send it again."""

    status = 503
    code = "overloaded"


class KeysUnavailable(Overloaded):
    """No key set was ever fetched, so no token can be judged, good or bad."""

    code = "unavailable"
