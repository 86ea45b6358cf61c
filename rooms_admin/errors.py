"""Errors of admin requests that `http_serving/errors.py` does not have already.

ServiceError
├── InvalidRequest
│   └── NotSupported    400 not_supported           sensible, but not offered
├── Conflict
│   ├── KeyReused       409 idempotency_key_reused  the key belongs to another request
│   └── InProgress      409 request_in_progress     the same request is being carried out
├── Changed             412 precondition_failed     somebody else changed it first
├── AcsRefused          502 acs_refused             ACS refuses this service, not the admin
└── AcsUnavailable      503 acs_unavailable         ACS cannot now: the same request may succeed later
"""

from __future__ import annotations

from http_serving.errors import Conflict, InvalidRequest, ServiceError


class NotSupported(InvalidRequest):
    """The request makes sense, but this service does not offer it."""

    code = "not_supported"


class KeyReused(Conflict):
    """The Idempotency-Key belongs to another request."""

    code = "idempotency_key_reused"


class InProgress(Conflict):
    """A request with the same Idempotency-Key is being carried out."""

    code = "request_in_progress"


class Changed(ServiceError):
    """The caller's If-Match names an older version."""

    status = 412
    code = "precondition_failed"


class AcsRefused(ServiceError):
    """ACS refuses this service: its credentials or rights."""

    status = 502
    code = "acs_refused"


class AcsUnavailable(ServiceError):
    """ACS cannot carry it out now."""

    status = 503
    code = "acs_unavailable"
