"""One error shape for everything HTTP: `{"error": {"code", "message", "retry_after_ms"?, "details"?}}`."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Protocol, runtime_checkable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bot.orders import NotPossible
from bot.replicas import ANSWER_S, ReplicaSilent
from bot.safe_answers import SAFE_HEADERS
from rooms_admin.errors import RoomsAdminError
from webhooks.errors import WebhookError

logger = logging.getLogger(__name__)


@runtime_checkable
class Answerable(Protocol):
    """An error that knows how it is to be answered; the leaves' own errors all do."""

    status: int
    code: str
    message: str
    details: Sequence[Mapping[str, object]]
    retry_after_ms: int | None


def error_answer(
    status: int,
    code: str,
    message: str,
    *,
    details: Sequence[Mapping[str, object]] = (),
    retry_after_ms: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    error: dict[str, object] = {"code": code, "message": message}
    answer_headers = dict(headers or {})
    if retry_after_ms is not None:
        error["retry_after_ms"] = retry_after_ms
        answer_headers["Retry-After"] = str(math.ceil(retry_after_ms / 1000))
    if details:
        error["details"] = list(details)
    if status == HTTPStatus.UNAUTHORIZED:
        answer_headers.setdefault("WWW-Authenticate", "Bearer")
    return JSONResponse({"error": error}, status, headers=answer_headers)


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error there is in the one shape; what nobody foresaw is logged and answered with 500."""

    async def foreseen(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, Answerable):
            return await unforeseen(request, error)
        return error_answer(
            error.status, error.code, error.message, details=error.details, retry_after_ms=error.retry_after_ms
        )

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        problems = error.errors() if isinstance(error, RequestValidationError) else []
        details = [
            {
                "field": ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path")),
                "reason": str(problem["msg"]).removeprefix("Value error, "),
            }
            for problem in problems
        ]
        return error_answer(400, "invalid_request", "The request is not valid.", details=details)

    async def http(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            return await unforeseen(request, error)
        codes = {404: "not_found", 405: "method_not_allowed"}
        code = codes.get(error.status_code, f"http_{error.status_code}")
        return error_answer(error.status_code, code, str(error.detail), headers=error.headers)

    async def not_possible(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, NotPossible):
            return await unforeseen(request, error)
        return error_answer(404 if error.code == "not_found" else 409, error.code, error.message)

    async def silent(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, ReplicaSilent):
            return await unforeseen(request, error)
        return error_answer(503, error.code, error.message, retry_after_ms=round(ANSWER_S * 1000))

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        logger.error("request failed", exc_info=error, extra={"path": request.url.path})
        return error_answer(500, "internal_error", "Something went wrong on our side.", headers=SAFE_HEADERS)

    app.add_exception_handler(RoomsAdminError, foreseen)
    app.add_exception_handler(WebhookError, foreseen)
    app.add_exception_handler(NotPossible, not_possible)
    app.add_exception_handler(ReplicaSilent, silent)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unforeseen)
