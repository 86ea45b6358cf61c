"""Builds responses (JSON of a model, entity tags) and their descriptions for OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import Header, Request, Response

from rooms_admin.api.etags import entity_tag, is_known
from rooms_admin.api.schemas import ErrorResponse

_MEANINGS = {
    400: "The request is malformed, or contradicts itself or the room",
    401: "The caller is not authenticated",
    403: "The caller lacks the required role",
    404: "Not found",
    408: "The body did not arrive in time",
    409: "The current state does not allow it, or the Idempotency-Key belongs to another request",
    412: "The resource is not at the version that If-Match names",
    413: "The body is too large",
    422: "The body contains a number that is not finite, or too large for any field",
    429: "Too many requests",
    502: "ACS refused this service; the caller's rights are not the cause",
    503: "ACS or the store is temporarily unavailable; the same request may succeed later",
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}

Responses = dict[int | str, dict[str, Any]]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1_000, description="Change only if the resource still has this ETag"),
]
IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=1_000, description="Respond with 304 if the resource still has this ETag"),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="Within 24 hours, a request with the same key is carried out once and gets the same response",
    ),
]


def errors(*statuses: int) -> Responses:
    """Describe these error statuses and those that every route may return."""
    return {
        status: {"model": ErrorResponse, "description": _MEANINGS[status]}
        | ({"headers": _RETRY_AFTER} if status in (429, 503) else {})
        for status in sorted({400, 401, 403, 408, 413, 429, 503, *statuses})
    }


def tagged(status: int = 200) -> Responses:
    """Describe a response with an ETag header."""
    return {status: {"headers": {"ETag": {"description": "Version of the resource", "schema": {"type": "string"}}}}}


NOT_MODIFIED: Responses = {304: {"description": "The resource still has the ETag that If-None-Match names"}}


class Writable(Protocol):
    """A response model of `schemas.py`."""

    def model_dump_json(self) -> str: ...


def written(model: Writable, status: int = 200, **headers: str) -> Response:
    """Build a JSON response. Header names are given with underscores instead of dashes."""
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(model.model_dump_json(), status, spelled, media_type="application/json")


def versioned(request: Request, model: Writable, version: int) -> Response:
    """Build a response with its entity tag, or 304 if the caller has this version already."""
    tag = entity_tag(version)
    if is_known(request.headers.get("if-none-match"), version):
        return Response(status_code=304, headers={"ETag": tag})
    return written(model, ETag=tag)
