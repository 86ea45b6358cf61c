"""What can go wrong with an admin's request, each with its HTTP status and code; holds no HTTP.

    RoomsAdminError
    ├── InvalidRequest    400 invalid_request     cannot be read, or contradicts itself or the room
    ├── NotSupported      400 not_supported       sensible, but not offered
    ├── NotAuthorized     401 unauthorized
    ├── Forbidden         403 forbidden           known, but without the role
    ├── NotFound          404 not_found
    ├── RequestTooSlow    408 request_timeout
    ├── Conflict          409 conflict            the room is not in a state for it
    │   ├── KeyReused         409 idempotency_key_reused    the key belongs to another request
    │   └── InProgress        409 request_in_progress       the same request is being carried out
    ├── Changed           412 precondition_failed somebody else changed it first
    ├── RequestTooLarge   413 payload_too_large
    ├── TooManyRequests   429 rate_limited
    ├── AcsRefused        502 acs_refused         ACS says no to us: our rights, not the admin's
    ├── AcsUnavailable    503 acs_unavailable     ACS cannot now: the same request may succeed later
    └── StoreUnavailable  503 store_unavailable   our own store cannot now

Every one carries `status`, `code`, `message`, `details` and `retry_after_ms`, so that whoever serves the
routes can answer in one error shape without knowing the classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class RoomsAdminError(Exception):
    """A request that is not carried out. `details` is a list of `{"field"?, "reason"}`."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

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


class InvalidRequest(RoomsAdminError):
    status = 400
    code = "invalid_request"


class NotSupported(RoomsAdminError):
    status = 400
    code = "not_supported"


class NotAuthorized(RoomsAdminError):
    status = 401
    code = "unauthorized"


class Forbidden(RoomsAdminError):
    status = 403
    code = "forbidden"


class NotFound(RoomsAdminError):
    status = 404
    code = "not_found"


class RequestTooSlow(RoomsAdminError):
    status = 408
    code = "request_timeout"
    retryable = True


class Conflict(RoomsAdminError):
    status = 409
    code = "conflict"


class KeyReused(Conflict):
    code = "idempotency_key_reused"


class InProgress(Conflict):
    code = "request_in_progress"
    retryable = True


class Changed(RoomsAdminError):
    status = 412
    code = "precondition_failed"


class RequestTooLarge(RoomsAdminError):
    status = 413
    code = "payload_too_large"


class TooManyRequests(RoomsAdminError):
    status = 429
    code = "rate_limited"
    retryable = True


class AcsRefused(RoomsAdminError):
    status = 502
    code = "acs_refused"


class AcsUnavailable(RoomsAdminError):
    status = 503
    code = "acs_unavailable"
    retryable = True


class StoreUnavailable(RoomsAdminError):
    status = 503
    code = "store_unavailable"
    retryable = True


class UnusableStore(Exception):
    """The store cannot be used at all, and the service does not start: the reason, in words for an operator."""
