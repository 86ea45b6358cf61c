"""Errors of stores."""

from __future__ import annotations

from typing import ClassVar


class StoreUnavailable(Exception):
    """The store is temporarily unavailable; the same operation may succeed later."""

    code: ClassVar[str] = "store_unavailable"

    def __init__(self, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_ms = retry_after_ms


class UnusableStore(Exception):
    """The store cannot be opened, so the service does not start. The message is for operators."""


class UnstorableValue(ValueError):
    """A record contains a value that would not be read back as it was written."""

    code: ClassVar[str] = "invalid_request"
