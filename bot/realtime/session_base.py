"""What every kind of Realtime session has in common: the rules one must offer, and the reading of messages.

No sockets, no event loop, no clock; what a message means is the business of each kind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import msgspec

from bot.interpreting.events import BoothDegraded, BoothEvent, BoothReady
from bot.interpreting.plan import Lane
from bot.realtime.errors import QUOTA, QUOTA_CODES, SessionError
from bot.realtime.messages import (
    ErrorDetail,
    ServerMessage,
    differences,
    read_error,
    read_message,
    read_object,
    read_type,
    session_update,
)

logger = logging.getLogger(__name__)

GARBAGE_LIMIT = 20
"""Unreadable messages in a row: whoever is at the other end does not speak our protocol."""

CONFIGURE = "configure"
"""Our id of the first `session.update`."""


class RealtimeSession(Protocol):
    """One session for one lane. Call `receive` with what came, write what `data_to_send` returns, in that order.

    Audio may be given once `ready`. One utterance is heard at a time. Times are seconds on one clock.
    """

    @property
    def engine(self) -> str:
        """`translation`, `conversation` or `captions`."""
        ...

    @property
    def append_bytes(self) -> int:
        """How much audio to give at once, an utterance's end excepted."""
        ...

    @property
    def ready(self) -> bool:
        """The session is configured as asked."""
        ...

    @property
    def expires_at(self) -> float | None:
        """When the service will end the session, in Unix seconds by its own clock; None if it does not say."""
        ...

    def hear(self, utterance: str, pcm: bytes, now: float) -> None:
        """Send the next audio of an utterance."""
        ...

    def interpret(self, utterance: str, now: float, *, strict: bool = False, speed: float = 1.0) -> list[BoothEvent]:
        """The utterance is complete; or, once it has ended, it is to be interpreted again."""
        ...

    def say(self, utterance: str, text: str, language: str, now: float) -> list[BoothEvent]: ...

    def release(self, utterance: str) -> None: ...

    def cancel(self, utterance: str) -> None:
        """Forget an utterance in whatever state it is; nothing more is reported about it."""
        ...

    def brief(self, instructions: str) -> None: ...

    def retire(self, now: float) -> None:
        """No other utterance will begin here: come to an end with those there are."""
        ...

    @property
    def finished(self) -> bool:
        """Whether a session that retires has nothing left to do."""
        ...

    @property
    def has_data_to_send(self) -> bool: ...

    def data_to_send(self) -> list[str]:
        """Return, once, what is to be written, in order."""
        ...

    def receive(self, data: bytes | str, now: float) -> list[BoothEvent]:
        """Take one message from the service and say what it means.

        Raises:
            SessionError: the session is of no use any more.
        """
        ...

    @property
    def deadline(self) -> float | None:
        """When `check` is to be called."""
        ...

    def check(self, now: float) -> list[BoothEvent]:
        """Time has passed.

        Raises:
            SessionError: the service owes us something for too long.
        """
        ...

    def knows(self, utterance: str) -> bool:
        """Whether the utterance has begun here and is not forgotten."""
        ...

    def unfinished(self) -> tuple[str, ...]:
        """Utterances that have begun here and whose last word has not been said."""
        ...


@dataclass(slots=True)
class SessionCounters:
    """Monotonic, per session."""

    garbage: int = 0
    """Messages that could not be read."""
    ignored: int = 0
    """Messages about things unknown, or known no longer."""
    errors: int = 0
    """`error` events."""


class SessionRules:
    """Reads messages, survives bad ones, keeps what is to be sent. A kind of session says what they mean."""

    engine: str
    _VITAL: tuple[str, ...]
    """Paths of the configuration without which the session is no interpreter."""
    _HANDLERS: Mapping[str, Callable[[Any, ServerMessage, float], list[BoothEvent]]]
    """What each type of message means; types that are not in it may look as they like."""

    def __init__(self, lane: Lane, session: dict[str, Any]) -> None:
        """`session`: the configuration to ask for."""
        self.ready = False
        self.expires_at: float | None = None
        self.counters = SessionCounters()
        self._lane = lane
        self._session = session
        self._outgoing = [session_update(CONFIGURE, session)]
        self._garbage_in_a_row = 0
        self._reported: set[str] = set()
        self._short_of_quota = False

    @property
    def has_data_to_send(self) -> bool:
        return bool(self._outgoing)

    def data_to_send(self) -> list[str]:
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def receive(self: Self, data: bytes | str, now: float) -> list[BoothEvent]:
        try:
            events = self._handle(data, now)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: bad UTF-8, bad base64
            self.counters.garbage += 1
            self._garbage_in_a_row += 1
            if self._garbage_in_a_row >= GARBAGE_LIMIT:
                raise SessionError("garbage", "the service sends what cannot be read") from error
            return []
        self._garbage_in_a_row = 0
        return events

    def _handle(self, data: bytes | str, now: float) -> list[BoothEvent]:
        try:
            message = read_message(data)
        except msgspec.ValidationError:
            if read_type(data).type in self._HANDLERS:
                raise
            return []  # a kind we do not know may look as it likes
        handle = self._HANDLERS.get(message.type)
        return handle(self, message, now) if handle else []

    def _created(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        expires_at = read_object(message.session).get("expires_at")
        if isinstance(expires_at, int | float):
            self.expires_at = float(expires_at)
        return []

    def _updated(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        self._created(message, now)
        if self.ready:
            return []
        wrong = differences(self._session, read_object(message.session))
        if any(path.startswith(vital) or vital.startswith(path) for path in wrong for vital in self._VITAL):
            raise SessionError("configuration_ignored", ", ".join(wrong), retryable=False)
        if wrong:
            logger.warning("session differs from what was asked", extra={"fields": wrong})
        self.ready = True
        return [BoothReady(self._lane, self.engine)]

    def _read_error(self, message: ServerMessage) -> tuple[ErrorDetail, str]:
        """An `error` event and its code.

        Raises:
            SessionError: the session cannot be used after it.
        """
        self.counters.errors += 1
        error = read_error(message.error)
        code = error.code or error.type or "unknown"
        if error.event_id == CONFIGURE and not self.ready:
            retryable = error.type != "invalid_request_error"
            raise SessionError("configuration_refused", f"{code} {error.param or ''}".strip(), retryable=retryable)
        if code == "session_expired":
            raise SessionError(code)
        return error, code

    def _ignored(self) -> list[BoothEvent]:
        self.counters.ignored += 1
        return []

    def _quota(self, code: str) -> list[BoothEvent]:
        """Say once, until something goes well again, that the model refuses work for want of quota."""
        if code not in QUOTA_CODES or self._short_of_quota:
            return []
        self._short_of_quota = True
        return [BoothDegraded(self._lane, self.engine, QUOTA)]

    def _report(self, error: ErrorDetail, code: str) -> list[BoothEvent]:
        """Log an error that concerns no utterance: once per code, in case the service repeats itself."""
        if code not in self._reported and len(self._reported) < GARBAGE_LIMIT:
            self._reported.add(code)
            logger.warning("model reports an error", extra={"code": code, "error_type": error.type})
        return self._quota(code)
