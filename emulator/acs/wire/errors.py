"""Refusals of the service and the body they travel in; where they are raised is each operation's business."""

from __future__ import annotations

from typing import Any

from aiohttp import web


class AcsError(Exception):
    """A request the service refuses.

    Attributes:
        status: HTTP status.
        code: the service's error code, a string even where it is a number ("8522").
        message: for a person.
        details: further errors, each `{"code","message","target"}`.
    """

    def __init__(self, status: int, code: str, message: str, details: list[dict[str, str]] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        """`{"error": {"code", "message", "details"?}}`, the form of every service."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def response(self) -> web.Response:
        """The answer a client gets."""
        return web.json_response(self.body(), status=self.status, headers={"x-ms-error-code": self.code})


def bad_request(message: str, target: str | None = None) -> AcsError:
    """400 in the words of the rooms and identity services (recorded)."""
    detail = {"code": "BadArgument", "message": message}
    if target is not None:
        detail["target"] = target
    said = "The request could not be understood by the server due to malformed syntax."
    return AcsError(400, "BadRequest", said, [detail])


def not_found() -> AcsError:
    """404 in the words of the rooms and identity services (recorded)."""
    return AcsError(404, "NotFound", "The server cannot find the requested resource.")


def bad_argument(message: str) -> AcsError:
    """400/8523, a bad argument to call automation."""
    return AcsError(400, "8523", message)


def call_not_found() -> AcsError:
    """404/8522, no such call connection, or no call to connect to."""
    return AcsError(404, "8522", "Call not found.")


def invalid_operation(message: str) -> AcsError:
    """400/8567, an operation that cannot be done here."""
    return AcsError(400, "8567", message)
