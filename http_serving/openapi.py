"""Completes the OpenAPI document that FastAPI generates: description, security schemes and error responses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ERROR = {"$ref": "#/components/schemas/ErrorResponse"}
DESCRIPTION = """\
A live interpreter for Azure Communication Services rooms. Admins provision rooms with this API; the service joins their
calls.

Every error response has the shape `{"error": {"code", "message", "retry_after_ms"?, "details"?}}`. Requests that create
something accept an `Idempotency-Key`, so that they can be repeated safely; requests that change something accept
`If-Match`, so that no concurrent change is overwritten.
"""
SECURITY_SCHEMES = {
    "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "HTTPBearer": {"type": "http", "scheme": "bearer", "description": "An Entra token with app roles"},
}
"""Referenced by the operations that require authentication."""
_WEBHOOK_ERRORS = {
    "400": "The delivery is malformed",
    "401": "The sender is not authenticated",
    "404": "No active call has this address",
    "408": "The body did not arrive in time",
    "413": "The body is too large",
    "429": "Too many requests",
    "503": "Temporarily unavailable; deliver again",
}
_SERVER_ERRORS = {
    "408": "Headers or body did not arrive in time",
    "414": "The URL is too long",
    "431": "The headers are too large",
    "503": "Too many connections are open",
}
"""Returned by the server before any route is called (`http_protocol.py`)."""


def complete_openapi(document: dict[str, Any]) -> dict[str, Any]:
    """Complete the document in place, and remove the status 422 where FastAPI added it: no route returns its shape."""
    document["info"]["description"] = DESCRIPTION
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "ErrorResponse" not in str(operation["responses"].get("422")):
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
    """Add error responses to an operation, except those it declares itself."""
    content = {"application/json": {"schema": ERROR}}
    for status, meaning in meanings.items():
        responses.setdefault(status, {"description": meaning, "content": content})
