"""Errors of admin requests that `http_serving/errors.py` does not have already.

ServiceError
├── InvalidRequest
│   └── NotSupported    400 not_supported           valid, but not offered
├── Conflict
│   ├── KeyReused       409 idempotency_key_reused  the key belongs to another request
│   └── InProgress      409 request_in_progress     the same request is being carried out
├── Changed             412 precondition_failed     the resource was changed by another request first
├── AcsRefused          502 acs_refused             ACS refuses this service; the admin is not the cause
└── AcsUnavailable      503 acs_unavailable         ACS is temporarily unavailable
"""

from __future__ import annotations

from http_serving.errors import Conflict, InvalidRequest, ServiceError


class NotSupported(InvalidRequest):
    """The request is valid, but this service does not offer it."""

    code = "not_supported"


class KeyReused(Conflict):
    """The Idempotency-Key was used for another request."""

    code = "idempotency_key_reused"


class InProgress(Conflict):
    """A request with the same Idempotency-Key is being carried out."""

    code = "request_in_progress"


class Changed(ServiceError):
    """The If-Match header names an older version of the resource."""

    status = 412
    code = "precondition_failed"


class AcsRefused(ServiceError):
    """ACS refuses this service, because of its credentials or rights."""

    status = 502
    code = "acs_refused"


class AcsUnavailable(ServiceError):
    """ACS is temporarily unavailable."""

    status = 503
    code = "acs_unavailable"
