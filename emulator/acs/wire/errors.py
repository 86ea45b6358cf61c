"""Errors of the service and their bodies."""

from __future__ import annotations

from typing import Any

from aiohttp import web


class AcsError(Exception):
    """The service refuses a request.

    Attributes:
        status: HTTP status.
        code: the service's error code, a string even if it is a number ("8522").
        message: a text for people.
        details: further errors, each `{"code","message","target"}`.
        target: what of the request is wrong.
        in_header: whether the header `x-ms-error-code` repeats the code.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: list[dict[str, str]] | None = None,
        *,
        target: str | None = None,
        in_header: bool = True,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.target = target
        self.in_header = in_header

    def body(self) -> dict[str, Any]:
        """Return `{"error": {"code", "message", "target"?, "details"?}}`, the form of every service."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def response(self) -> web.Response:
        """Return the HTTP response."""
        headers = {"x-ms-error-code": self.code} if self.in_header else {}
        return web.json_response(self.body(), status=self.status, headers=headers)


def bad_request(message: str, target: str | None = None, *, in_header: bool = True) -> AcsError:
    """Return a 400 of the rooms service about one value, as recorded."""
    detail = {"code": "BadArgument", "message": message}
    if target is not None:
        detail["target"] = target
    said = "The request could not be understood by the server due to malformed syntax."
    return AcsError(400, "BadRequest", said, [detail], in_header=in_header)


def bad_identifier(message: str) -> AcsError:
    """Return a 400 of the rooms service about the id of a room or user, as recorded: without details."""
    return AcsError(400, "BadRequest", message)


def validation_error(message: str, target: str) -> AcsError:
    """Return a 400 of the identity service, as recorded."""
    return AcsError(400, "ValidationError", message, target=target)


def not_found() -> AcsError:
    """Return a 404 of the rooms and identity services, as recorded."""
    return AcsError(404, "NotFound", "The server cannot find the requested resource.")


def bad_argument(message: str) -> AcsError:
    """Return 400/8523: a bad argument to Call Automation."""
    return AcsError(400, "8523", message)


def call_not_found() -> AcsError:
    """Return 404/8522: no such call connection, or no call to connect to."""
    return AcsError(404, "8522", "Call not found.")


def invalid_operation(message: str) -> AcsError:
    """Return 400/8567: an operation that is not possible here."""
    return AcsError(400, "8567", message)
