"""Errors of webhook deliveries that `http_serving/errors.py` does not have already.

ServiceError
├── InvalidRequest
│   ├── MalformedEvent  400 invalid_request   cannot be read, and never will be readable
│   └── ForeignEvent    400 invalid_request   is about another connection than the address it was sent to
├── NotFound
│   └── UnknownCall     404 not_found         no call has this secret
└── Overloaded          503 overloaded        the sender should deliver it again
"""

from __future__ import annotations

from http_serving.errors import InvalidRequest, NotFound


class MalformedEvent(InvalidRequest):
    """An event, or a whole body, that lacks what its type requires; `message` is the reason."""


class ForeignEvent(InvalidRequest):
    """An event about a connection that is not the one of the call whose address it was sent to."""


class UnknownCall(NotFound):
    """The secret in the address belongs to no active call."""
