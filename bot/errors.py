"""Errors of the bot that callers handle, and a count of how requests to other services ended.

InterpreterError
├── SettingsError       the service refuses to start
└── CallError           ACS refused or did not answer; `acs_client.py` decides what is `retryable`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

UNKNOWN, OK = "unknown", "ok"


class InterpreterError(Exception):
    """Base class. `code` is for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class SettingsError(InterpreterError):
    """The settings are invalid; names every problem."""

    def __init__(self, problems: Sequence[str]) -> None:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__("invalid_settings", f"{len(problems)} problem(s):\n{listed}")
        self.problems = tuple(problems)


class CallError(InterpreterError):
    """A Call Automation request failed. `retry_after_s`: pause that ACS asks for, in seconds."""

    def __init__(self, code: str, message: str, *, retryable: bool, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class RequestOutcomes:
    """How requests to one service ended: all since the start, and the last."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """By outcome: `OK`, or the code of what went wrong."""
        self.last = UNKNOWN

    def note(self, outcome: str = OK) -> None:
        """Count a request."""
        self.counts[outcome] += 1
        self.last = outcome
