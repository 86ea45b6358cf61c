"""What can go wrong in the hub, as far as a caller acts differently on it.

InterpreterError
├── SettingsError       the service refuses to start
└── CallError           ACS did not do what was asked; `retryable` is decided in calls.py
"""

from __future__ import annotations

from collections.abc import Sequence


class InterpreterError(Exception):
    """Base of ours. `code` is for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class SettingsError(InterpreterError):
    """Everything that is wrong with the settings, not the first thing only."""

    def __init__(self, problems: Sequence[str]) -> None:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__("invalid_settings", f"{len(problems)} problem(s):\n{listed}")
        self.problems = tuple(problems)


class CallError(InterpreterError):
    """A Call Automation request failed."""

    def __init__(self, code: str, message: str, *, retryable: bool, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
