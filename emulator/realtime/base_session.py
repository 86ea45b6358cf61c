"""Implements what all session types share: opening, expiry, client events and errors. No I/O, no clock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from emulator.realtime.audio_formats import AudioDecoder
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.context import SessionContext
from emulator.realtime.errors import ApiError, invalid_value, missing_parameter
from emulator.realtime.faults.plan import ConnectionFaults
from emulator.realtime.ids import Ids
from emulator.realtime.schema import Check, Json, an_object, anything, record, string
from emulator.realtime.session import EngineResult, Output
from emulator.realtime.wire import (
    append_starts,
    appended_audio,
    decode_audio,
    decode_event,
    without_audio,
)

Handler = Callable[[Json, float], None]
ClientEvents = Mapping[str, tuple[Check, Handler]]
"""Client event type -> the check of its members, and its handler."""

EXPIRED = "Your session hit the maximum duration of 60 minutes."
"""The text of the service; it does not change with the duration."""


def client_event(members: Mapping[str, Check], required: Sequence[str] = ()) -> Check:
    """Return the check of a client event with these members, besides those of every event."""
    return record({"type": anything, "event_id": string(512), **members}, required)


UPDATE: Check = client_event({"session": an_object}, ["session"])
APPEND: Check = client_event({"audio": string()}, ["audio"])


class BaseSession(ABC):
    """Base class of all session types; see `session.Session` for its protocol."""

    def __init__(
        self,
        config: RealtimeConfig,
        faults: ConnectionFaults,
        *,
        connection_id: str,
        unix_time: float,
        append: str = "input_audio_buffer.append",
        idle_event: tuple[str, Json] = ("rate_limits.updated", {"rate_limits": []}),
    ) -> None:
        """Create a session.

        Args:
            unix_time: wall clock at opening, used for `expires_at` alone.
            append: type of the client event that carries audio.
            idle_event: type and members of a server event without effect, used by faults.
        """
        ids = Ids(None if config.seed is None else f"{config.seed}/{connection_id}")
        self._context = SessionContext(config, faults, ids, connection_id, idle_event)
        self._unix_time = unix_time
        self._append_starts = append_starts(append)
        self._append_kind = append
        self._decoder = AudioDecoder()
        self._heard = False

    # -- implemented by each session type

    _events: ClientEvents

    @property
    @abstractmethod
    def _document(self) -> Json:
        """Return the `session` of `session.created` and `session.updated`; opening sets its `expires_at`."""

    @abstractmethod
    def _update(self, patch: Json, now: float) -> None:
        """Apply the `session` of a `session.update`. Raises ApiError and then changes nothing."""

    @property
    @abstractmethod
    def _input_format(self) -> str:
        """Return the format of appended audio."""

    @abstractmethod
    def _take_audio(self, pcm: bytes, now: float) -> None:
        """Take appended audio, PCM16 mono 24 kHz. Raises ApiError."""

    @abstractmethod
    def _work_completed(self, work: int, result: EngineResult, now: float) -> None: ...

    @abstractmethod
    def accounts(self) -> dict[str, int]: ...

    @abstractmethod
    def _opened(self, now: float) -> None:
        """Run after `session.created` has been sent."""

    # -- Session

    def preset(self, patch: Json) -> None:
        """Apply the `session` of an update before the session is opened. Raises ApiError."""
        if patch:
            self._update(patch, 0.0)

    @property
    def document(self) -> Json:
        """Return the configuration as events show it."""
        return self._document

    @property
    def id(self) -> str:
        return str(self._document["id"])

    def open(self, now: float) -> Sequence[Output]:
        context = self._context
        context.now = now
        lasting = context.faults.take("expires_in")
        skew = context.faults.take("expires_skew")
        lasts_s = context.config.session_s if lasting is None else lasting.seconds
        announced_s = lasts_s + (skew.seconds if skew is not None else 0.0)
        self._document["expires_at"] = int(self._unix_time + announced_s)
        context.agenda.at(now + lasts_s, self._expire)
        context.fault_point("connect")
        context.emit("session.created", session=self._document)
        self._opened(now)
        context.fault_point("created")
        return context.drain()

    def receive(self, frame: str | bytes, now: float) -> Sequence[Output]:
        if self._context.ended:
            return ()
        self._run_agenda(now)
        if self._context.ended:  # ended by a due action
            return self._context.drain()
        if isinstance(frame, str) and (pcm := appended_audio(frame, self._append_starts)) is not None:
            try:
                self._append(pcm, now)
            except ApiError as error:
                self._context.error(error)
        else:
            self._receive_event(frame, now)
        return self._context.drain()

    def completed(self, work: int, result: EngineResult, now: float) -> Sequence[Output]:
        if self._context.ended:
            return ()
        self._context.now = now
        self._work_completed(work, result, now)
        return self.tick(now)

    def tick(self, now: float) -> Sequence[Output]:
        self._run_agenda(now)
        return self._context.drain()

    def next_deadline(self) -> float | None:
        return self._context.agenda.next_deadline()

    # -- client events

    def _run_agenda(self, now: float) -> None:
        self._context.now = now
        self._context.agenda.run(now)

    def _receive_event(self, frame: str | bytes, now: float) -> None:
        event_id: str | None = None
        try:
            event = decode_event(frame)
            if isinstance(event.get("event_id"), str):
                event_id = event["event_id"]
            if event.get("type") != self._append_kind:
                self._context.note("realtime.event", event=without_audio(event))
            if "type" not in event:
                raise missing_parameter("type")
            kind = event["type"]
            if not isinstance(kind, str) or kind not in self._events:
                raise invalid_value(kind, list(self._events), "type")
            check, handle = self._events[kind]
            check(event, "")
            handle(event, now)
        except ApiError as error:
            self._context.error(error, event_id)

    def _append_event(self, event: Json, now: float) -> None:
        self._append(decode_audio(event["audio"], "audio"), now)

    def _append(self, raw: bytes, now: float) -> None:
        pcm = self._decoder.decode(raw, self._input_format, "audio")
        if (hook := self._context.config.on_append) is not None:
            hook(self._context.connection_id, pcm, now)
        self._take_audio(pcm, now)
        if not self._heard:
            self._heard = True
            self._context.fault_point("heard")

    def _update_session(self, event: Json, now: float) -> None:
        context = self._context
        if fault := context.faults.take("refuse_session_update"):
            raise ApiError(fault.error_code, fault.message, kind=fault.error_type)
        self._update(event["session"], now)
        if fault := context.faults.take("delay_session_updated"):
            context.agenda.at(now + fault.seconds, lambda at: self._confirm_update())
        else:
            self._confirm_update()

    def _confirm_update(self) -> None:
        self._context.emit("session.updated", session=self._document)
        self._context.fault_point("updated")

    def _expire(self, now: float) -> None:
        if self._context.config.error_at_expiry:
            self._context.error(ApiError("session_expired", EXPIRED))
        self._context.end(1001, EXPIRED)
