"""Builds the service's errors: `error` events on the socket, error bodies over HTTP."""

from __future__ import annotations


class ApiError(Exception):
    """The client broke a rule; it gets an `error` event and the session continues.

    `code` may be None: the service sends a few errors without one.
    """

    def __init__(
        self, code: str | None, message: str, param: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind

    def body(self, client_event_id: str | None = None) -> dict[str, object]:
        """Return the `error` member of an `error` event."""
        return {
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": client_event_id,
        }


def quoted_list(values: list[str]) -> str:
    """Return `'a', 'b', and 'c'`, the way the service lists supported values."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) < 3:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def invalid_value(value: object, supported: list[str], param: str) -> ApiError:
    shown = value if isinstance(value, str) else repr(value)
    return ApiError(
        "invalid_value", f"Invalid value: '{shown}'. Supported values are: {quoted_list(supported)}.", param
    )


def missing_parameter(param: str) -> ApiError:
    return ApiError("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def unknown_parameter(param: str) -> ApiError:
    return ApiError("unknown_parameter", f"Unknown parameter: '{param}'.", param)


def http_error(
    code: str, message: str, param: str | None = None, kind: str = "invalid_request_error"
) -> dict[str, object]:
    """Return the body of a refused upgrade."""
    return {"error": {"message": message, "type": kind, "code": code, "param": param}}
