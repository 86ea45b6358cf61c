"""Holds what the parts of one session share: identifiers, agenda, faults and the collected effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emulator.realtime.agenda import Agenda
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.errors import ApiError
from emulator.realtime.faults.message_faults import UNKNOWN_MEMBERS, OutgoingMessages
from emulator.realtime.faults.plan import ConnectionFaults
from emulator.realtime.faults.rules import FaultRule, Point
from emulator.realtime.ids import Ids
from emulator.realtime.personas import Answer, Persona
from emulator.realtime.schema import Json
from emulator.realtime.session import Abort, Close, Note, Output, Stall
from emulator.realtime.wire import encode_event


class SessionContext:
    """Collects the effects of the call that is being handled; `drain` hands them to the connection."""

    def __init__(
        self,
        config: RealtimeConfig,
        faults: ConnectionFaults,
        ids: Ids,
        connection_id: str,
        idle_event: tuple[str, Json],
    ) -> None:
        """Create a context. `idle_event` is the type and members of a server event without effect, used by faults."""
        self.config = config
        self.faults = faults
        self.ids = ids
        self.connection_id = connection_id
        self.agenda = Agenda()
        self.now = 0.0
        """Time of the call that is being handled."""
        self.ended = False
        self._idle_event = idle_event
        self._outputs: list[Output] = []
        self._messages = OutgoingMessages(faults, self.agenda, ids, self.effect)
        self._works = 0

    @property
    def persona(self) -> Persona:
        """Return who answers now: the fault document may say otherwise than the configuration."""
        return self.faults.persona or ("scripted" if self.faults.answers else self.config.persona)

    @property
    def answers(self) -> Sequence[Answer]:
        return self.faults.answers or self.config.answers

    def emit(self, kind: str, **members: Any) -> None:
        """Send a server event with a new event id."""
        self.send(kind, encode_event({"type": kind, "event_id": self.ids.new("event"), **members}))

    def send(self, kind: str, frame: str) -> None:
        """Send a server event of this type that is encoded already."""
        if not self.ended and (rule := self._messages.put(kind, frame, self.now)) is not None:
            self.note("realtime.fault", do=rule.do, event=kind)

    def effect(self, output: Output) -> None:
        """Queue a raw frame or another effect for the connection; ignored once the session has ended."""
        if not self.ended:
            self._outputs.append(output)

    def note(self, kind: str, **facts: object) -> None:
        self._outputs.append(Note(kind, facts))

    def error(self, error: ApiError, client_event_id: str | None = None) -> None:
        """Send an `error` event; the session continues."""
        event_id = self.ids.new("event") if self.config.error_event_ids else None
        body = error.body(client_event_id)
        self.send("error", encode_event({"type": "error", "event_id": event_id, "error": body}))
        self.note("realtime.error", code=error.code, message=error.message, param=error.param)

    def end(self, code: int, reason: str) -> None:
        """Close the socket; nothing is done or sent after this."""
        self.effect(Close(code, reason))
        self._stop()

    def new_work(self) -> int:
        """A number for a piece of engine work."""
        self._works += 1
        return self._works

    def drain(self) -> list[Output]:
        outputs, self._outputs = self._outputs, []
        return outputs

    def fault_point(self, point: Point, *, response: int | None = None, target: str | None = None) -> None:
        """Carry out the fault rules for this point, now or `after_s` later."""
        for rule in self.faults.take_at(point, response=response, target=target):
            if rule.after_s > 0:
                self._misbehave_later(rule, point)
            elif not self.ended:
                self._misbehave(rule, point)

    def _misbehave_later(self, rule: FaultRule, point: Point) -> None:
        self.agenda.at(self.now + rule.after_s, lambda at: self._misbehave(rule, point))

    def _stop(self) -> None:
        self.ended = True
        self.agenda.clear()

    def _misbehave(self, rule: FaultRule, point: Point) -> None:
        self.note("realtime.fault", do=rule.do, at=point)
        kind, members = self._idle_event
        match rule.do:
            case "close":
                self.end(rule.close_code, rule.reason)
            case "abort":
                self.effect(Abort())
                self._stop()
            case "stall":
                reads, writes = rule.direction != "writes", rule.direction != "reads"
                self.effect(Stall(rule.seconds, reads, writes))
            case "error_event":
                self.error(ApiError(rule.error_code, rule.message, kind=rule.error_type))
            case "garbage_text":
                self.effect("\x00\ufffd this is not an event")
            case "malformed_json":
                self.effect('{"type":"response.output_audio.delta","delta":"AAAA')
            case "binary_frame":
                self.effect(bytes(range(256)))
            case "unknown_event":
                self.emit("response.output_hologram.delta", delta="AAAA", hologram={"index": 0})
            case "extra_fields":
                self.emit(kind, **members, **UNKNOWN_MEMBERS)
            case "missing_event_id":
                self.effect(encode_event({"type": kind, **members}))
            case "huge_frame":
                self.emit(kind, **members, padding="x" * rule.size)
            case _:  # AT_A_POINT lists the cases above, and take_at gives no others
                raise AssertionError(f"{rule.do} does not happen at a point")
