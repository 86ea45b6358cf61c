"""What all kinds of Realtime sessions share: the interface `RealtimeSession`, and `SessionRules`, which reads messages.

No sockets, no event loop, no clock. What a message means is decided by each kind of session.
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
"""Consecutive unreadable messages after which the session is given up: the other end does not speak this protocol."""

CONFIGURE = "configure"
"""`event_id` of the first `session.update`."""


class RealtimeSession(Protocol):
    """One session for one lane. Call `receive` with each message, then write what `data_to_send` returns.

    Audio may be passed once the session is `ready`, one utterance at a time. Times are seconds of one clock.
    """

    @property
    def engine(self) -> str:
        """`translation`, `conversation` or `captions`."""
        ...

    @property
    def append_bytes(self) -> int:
        """Bytes of audio to pass to `hear` at once; less only at the end of an utterance."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the session is configured as requested."""
        ...

    @property
    def expires_at(self) -> float | None:
        """When the service will end the session, in Unix seconds by its own clock; None if it does not say."""
        ...

    def hear(self, utterance: str, pcm: bytes, now: float) -> None:
        """Send the next audio of an utterance."""
        ...

    def interpret(
        self, utterance: str, now: float, *, strict: bool = False, speed: float = 1.0, condensed: bool = False
    ) -> list[BoothEvent]:
        """Interpret the utterance, which is complete; or interpret it again after its `InterpretationEnded`."""
        ...

    def pace(self, *, speed: float, condensed: bool) -> None:
        """Interpret parts of utterances that are not complete at this speed, and in fewer words."""
        ...

    def say(self, utterance: str, text: str, language: str, now: float) -> list[BoothEvent]:
        """Read a text aloud; see `bot.booth.Booth.say`."""
        ...

    def translate(
        self, utterance: str, text: str, now: float, *, strict: bool, speed: float, condensed: bool
    ) -> list[BoothEvent]:
        """Interpret a typed text; see `bot.booth.Booth.translate`."""
        ...

    def release(self, utterance: str) -> None:
        """Forget the utterance once it has ended: it will not be interpreted again."""
        ...

    def cancel(self, utterance: str) -> None:
        """Forget the utterance, in whatever state it is; nothing more is reported about it."""
        ...

    def brief(self, instructions: str) -> None:
        """Use new instructions for utterances that are not complete yet."""
        ...

    def retire(self, now: float) -> None:
        """Finish the utterances that have begun; no other will begin here."""
        ...

    @property
    def finished(self) -> bool:
        """Whether a retired session has nothing left to do."""
        ...

    @property
    def has_data_to_send(self) -> bool: ...

    def data_to_send(self) -> list[str]:
        """Return the messages to write, in order, each once."""
        ...

    def receive(self, data: bytes | str, now: float) -> list[BoothEvent]:
        """Take one message from the service and return what it means.

        Raises:
            SessionError: the session cannot be used any more.
        """
        ...

    @property
    def deadline(self) -> float | None:
        """When `check` has to be called next; None if there is nothing to check."""
        ...

    def check(self, now: float) -> list[BoothEvent]:
        """Do what is due at this time.

        Raises:
            SessionError: an answer of the service is overdue.
        """
        ...

    def knows(self, utterance: str) -> bool:
        """Return whether the utterance has begun here and is not forgotten."""
        ...

    def unfinished(self) -> tuple[str, ...]:
        """Return the utterances that have begun here and have not ended."""
        ...


@dataclass(slots=True)
class SessionCounters:
    """Messages of one session, counted since it began."""

    garbage: int = 0
    """Unreadable messages."""
    ignored: int = 0
    """Messages about utterances, items or responses that are unknown or forgotten."""
    errors: int = 0
    """`error` events."""


class SessionRules:
    """Reads messages, tolerates bad ones, and collects what to send. Subclasses define what messages mean."""

    engine: str
    _VITAL: tuple[str, ...]
    """Paths of the configuration that must be as requested: otherwise the session would not interpret."""
    _HANDLERS: Mapping[str, Callable[[Any, ServerMessage, float], list[BoothEvent]]]
    """Handler of each message type. Messages of other types are ignored, whatever their shape."""

    def __init__(self, lane: Lane, session: dict[str, Any]) -> None:
        """`session`: the configuration to request."""
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

    def pace(self, *, speed: float, condensed: bool) -> None:
        """Nothing is interpreted before the end of the utterance, or nothing can be set."""

    def receive(self: Self, data: bytes | str, now: float) -> list[BoothEvent]:
        try:
            events = self._handle(data, now)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: bad UTF-8, bad base64
            self.counters.garbage += 1
            self._garbage_in_a_row += 1
            if self._garbage_in_a_row >= GARBAGE_LIMIT:
                raise SessionError("garbage", "the service sends unreadable messages") from error
            return []
        self._garbage_in_a_row = 0
        return events

    def _handle(self, data: bytes | str, now: float) -> list[BoothEvent]:
        try:
            message = read_message(data)
        except msgspec.ValidationError:
            if read_type(data).type in self._HANDLERS:
                raise
            return []  # a type without a handler may have any shape
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
            logger.warning("session configured otherwise than requested", extra={"fields": wrong})
        self.ready = True
        return [BoothReady(self._lane, self.engine)]

    def _read_error(self, message: ServerMessage) -> tuple[ErrorDetail, str]:
        """Return an `error` event and its code.

        Raises:
            SessionError: the session cannot be used any more.
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
        """Report that the model refuses work for lack of quota: once, until an interpretation succeeds again."""
        if code not in QUOTA_CODES or self._short_of_quota:
            return []
        self._short_of_quota = True
        return [BoothDegraded(self._lane, self.engine, QUOTA)]

    def _report(self, error: ErrorDetail, code: str) -> list[BoothEvent]:
        """Log an error that concerns no utterance: once per code, as the service may repeat it."""
        if code not in self._reported and len(self._reported) < GARBAGE_LIMIT:
            self._reported.add(code)
            logger.warning("model error received", extra={"code": code, "error_type": error.type})
        return self._quota(code)
