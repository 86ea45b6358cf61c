"""How answers are written and described: JSON of a model, entity tags, and which errors a route may give."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import Header, Request, Response

from rooms_admin.api.etags import entity_tag, is_known
from rooms_admin.api.schemas import ErrorResponse

_MEANINGS = {
    400: "The request cannot be read, or contradicts itself or the room",
    401: "Who asks is not known",
    403: "Who asks has not the role for it",
    404: "There is no such thing",
    408: "The body did not arrive in time",
    409: "The state does not allow it, or the Idempotency-Key belongs to another request",
    412: "It has been changed in the meantime",
    413: "The body is too large",
    429: "Too many requests",
    502: "ACS refused: our rights, not the caller's",
    503: "ACS or the store cannot now; the same request may succeed later",
}
_RETRY_AFTER = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}

Responses = dict[int | str, dict[str, Any]]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1_000, description="Only if it is still this version, by an earlier ETag"),
]
IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=1_000, description="Answer with 304 if it is still this version"),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="The same request with the same key within 24 hours is carried out once, and answered alike",
    ),
]


def errors(*statuses: int) -> Responses:
    """The description of these errors, and of those every route may give."""
    return {
        status: {"model": ErrorResponse, "description": _MEANINGS[status]}
        | ({"headers": _RETRY_AFTER} if status in (429, 503) else {})
        for status in sorted({400, 401, 403, 408, 413, 429, 503, *statuses})
    }


def tagged(status: int = 200) -> Responses:
    """The description of an answer that carries its version."""
    return {status: {"headers": {"ETag": {"description": "the version", "schema": {"type": "string"}}}}}


NOT_MODIFIED: Responses = {304: {"description": "Still the version that If-None-Match names"}}


class Writable(Protocol):
    """A model of `models.py`."""

    def model_dump_json(self) -> str: ...


def written(answer: Writable, status: int = 200, **headers: str) -> Response:
    """A model as JSON; names of headers with underscores for dashes."""
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(answer.model_dump_json(), status, spelled, media_type="application/json")


def versioned(request: Request, answer: Writable, version: int) -> Response:
    """The answer with its entity tag, or 304 if the caller has it already."""
    tag = entity_tag(version)
    if is_known(request.headers.get("if-none-match"), version):
        return Response(status_code=304, headers={"ETag": tag})
    return written(answer, ETag=tag)
