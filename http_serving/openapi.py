"""Makes FastAPI's description of our HTTP surface say what is true of it: which errors, in which shape. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ERROR = {"$ref": "#/components/schemas/ErrorResponse"}
DESCRIPTION = """\
A live interpreter for Azure Communication Services rooms. Admins provision rooms here; the service joins their calls.

Every error has one shape, `{"error": {"code", "message", "retry_after_ms"?, "details"?}}`. What creates something
takes an `Idempotency-Key`, so that it can be repeated; what changes something takes `If-Match`, so that nobody's
change is lost.
"""
SECURITY_SCHEMES = {
    "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "HTTPBearer": {"type": "http", "scheme": "bearer", "description": "An Entra token with app roles"},
}
"""Named by the operations that need one of them."""
_WEBHOOK_ERRORS = {
    "400": "The delivery cannot be read",
    "401": "Who delivers did not prove who it is",
    "404": "No call has this address",
    "408": "The body did not arrive in time",
    "413": "The body is too large",
    "429": "Too often",
    "503": "Not now: deliver it again",
}
_SERVER_ERRORS = {
    "408": "Headers or body did not arrive in time",
    "414": "The URL is too long",
    "431": "The headers are too large",
    "503": "Too many connections are open",
}
"""Given by the server before any route sees the request (`http_server.py`)."""


def complete_openapi(document: dict[str, Any]) -> dict[str, Any]:
    """The document, changed in place, without FastAPI's 422, which we never answer with."""
    document["info"]["description"] = DESCRIPTION
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            if path.startswith("/webhooks/"):
                _add_errors(operation["responses"], _WEBHOOK_ERRORS)
            _add_errors(operation["responses"], _SERVER_ERRORS)
    components = document.setdefault("components", {})
    components["securitySchemes"] = SECURITY_SCHEMES
    schemas = components.get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


def _add_errors(responses: dict[str, Any], meanings: Mapping[str, str]) -> None:
    """What a door gives, unless it says so itself."""
    content = {"application/json": {"schema": ERROR}}
    for status, meaning in meanings.items():
        responses.setdefault(status, {"description": meaning, "content": content})
