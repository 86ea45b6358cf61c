"""Answers every HTTP error as `{"error": {"code", "message", "retry_after_ms"?, "details"?}}`.

A person with a browser who asks for what is not there gets a page instead, once the application has one.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from http_serving.errors import ServiceError
from http_serving.refusals import is_refusal, refused
from http_serving.security_headers import SAFE_HEADERS
from listeners.page_routes import wants_page
from storage.errors import StoreUnavailable, UnstorableValue

logger = logging.getLogger(__name__)


def error_response(
    status: int,
    code: str,
    message: str,
    *,
    details: Sequence[Mapping[str, object]] = (),
    retry_after_ms: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    error: dict[str, object] = {"code": code, "message": message}
    response_headers = dict(headers or {})
    if retry_after_ms is not None:
        error["retry_after_ms"] = retry_after_ms
        response_headers["Retry-After"] = str(math.ceil(retry_after_ms / 1000))
    if details:
        error["details"] = list(details)
    if status == HTTPStatus.UNAUTHORIZED:
        response_headers.setdefault("WWW-Authenticate", "Bearer")
    return JSONResponse({"error": error}, status, headers=response_headers)


def note(request: Request, status: int, code: str) -> None:
    """Count an error response that refuses its caller."""
    if is_refusal(request.scope, status):
        refused(request.scope, code)


def not_found_page(request: Request, status: int) -> Response | None:
    """Return `app.state.not_found_page` of this request if it is for a person; None otherwise."""
    page: Callable[[Request], Response] | None = getattr(request.app.state, "not_found_page", None)
    return page(request) if page is not None and status == HTTPStatus.NOT_FOUND and wants_page(request) else None


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error in the same shape; an unexpected exception is logged and answered with 500."""

    async def expected(request: Request, error: Exception) -> Response:
        if isinstance(error, StoreUnavailable):
            return error_response(503, error.code, error.message, retry_after_ms=error.retry_after_ms)
        if isinstance(error, UnstorableValue):
            return error_response(422, error.code, str(error))
        if not isinstance(error, ServiceError):
            return await unexpected(request, error)
        note(request, error.status, error.code)
        if (page := not_found_page(request, error.status)) is not None:
            return page
        return error_response(
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
        note(request, 400, "invalid_request")
        return error_response(400, "invalid_request", "Fields of the request are not valid.", details=details)

    async def http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return await unexpected(request, error)
        codes = {404: "not_found", 405: "method_not_allowed"}
        code = codes.get(error.status_code, f"http_{error.status_code}")
        note(request, error.status_code, code)
        if (page := not_found_page(request, error.status_code)) is not None:
            return page
        return error_response(error.status_code, code, str(error.detail), headers=error.headers)

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        # That of the route: in the path itself, the rest may be a secret.
        path = getattr(request.scope.get("route"), "path", "other")
        logger.error("request failed", exc_info=error, extra={"path": path})
        return error_response(500, "internal_error", "The service failed to handle the request.", headers=SAFE_HEADERS)

    app.add_exception_handler(ServiceError, expected)
    app.add_exception_handler(StoreUnavailable, expected)
    app.add_exception_handler(UnstorableValue, expected)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)
