"""What can be wrong with a delivery, each with its HTTP status and code; holds no HTTP.

    WebhookError
    ├── MalformedEvent    400 invalid_request     the sender's fault: cannot be read, will never be readable
    ├── NotAuthorized     401 unauthorized        no proof, or a wrong one
    │   └── TokenRejected                         with the reason
    ├── UnknownCall       404 not_found           no call has this secret
    ├── BodyTooSlow       408 request_timeout
    ├── BodyTooLarge      413 payload_too_large
    ├── TooManyRequests   429 rate_limited        more than a sender who means well has to say
    └── TryAgainLater     503 overloaded          ours: the sender should deliver it once more
        └── KeysUnavailable                       no key set could be fetched yet

Every one carries `status`, `code`, `message`, `details` and `retry_after_ms`, so that whoever serves the
routes can answer in one error shape without knowing the classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

Reason = Literal[
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


class WebhookError(Exception):
    """A delivery that is not accepted. `details` is a list of small objects for whoever reads the answer."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

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


class MalformedEvent(WebhookError):
    """An event, or a whole body, that does not say what its kind has to say; `message` is the reason."""

    status = 400
    code = "invalid_request"


class NotAuthorized(WebhookError):
    """The sender did not prove who it is."""

    status = 401
    code = "unauthorized"


class TokenRejected(NotAuthorized):
    """A bearer token that proves nothing; `reason` says why, in one of a closed set of words."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"the bearer token is not accepted: {reason}", details=[{"reason": reason}])
        self.reason = reason


class UnknownCall(WebhookError):
    """The secret in the address belongs to no call of ours."""

    status = 404
    code = "not_found"


class BodyTooSlow(WebhookError):
    """The body did not arrive in time."""

    status = 408
    code = "request_timeout"


class BodyTooLarge(WebhookError):
    """The body is larger than this door takes."""

    status = 413
    code = "payload_too_large"


class TooManyRequests(WebhookError):
    """Slower. Event Grid comes again after 10 s at the earliest, sooner than after a 503 (30 s) or a 401 (5 min)."""

    status = 429
    code = "rate_limited"


class TryAgainLater(WebhookError):
    """Not now: a handler raises it when it has no room for an event; the event counts as not delivered."""

    status = 503
    code = "overloaded"


class KeysUnavailable(TryAgainLater):
    """No key set was ever fetched, so no token can be judged, good or bad."""

    code = "unavailable"
