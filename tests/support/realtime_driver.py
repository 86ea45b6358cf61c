"""Drive sessions without a loop: literal times, an engine that answers when the test says so."""

from __future__ import annotations

import json
from collections import deque
from math import inf
from typing import Any

from emulator.engine.base import BYTES_PER_MS, Heard, Spoken
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.conversation import ConversationSession
from emulator.realtime.faults.plan import ConnectionFaults, RealtimeFaultPlan
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults
from emulator.realtime.session import Abandon, EngineResult, Hear, Interpret, Note, Output, Overhear, Say, Session
from emulator.realtime.transcription import TranscriptionSession
from emulator.realtime.translation import TranslationSession
from emulator.realtime.translation_model import TranslationModel
from emulator.realtime.wire import encode_audio

Event = dict[str, Any]

AT_ONCE = RealtimeConfig(seed=1, pace=inf)
INSTRUCTIONS = "Interpret from English (en-US) into Spanish (es-ES)."
MANUAL = {"type": "realtime", "instructions": INSTRUCTIONS, "audio": {"input": {"turn_detection": None}}}


def pcm_of(milliseconds: float, level: int = 1000) -> bytes:
    """So much audio, every sample the same."""
    return level.to_bytes(2, "little", signed=True) * (int(milliseconds * BYTES_PER_MS) // 2)


class SessionDriver:
    """One session of any type, opened at t = 100 s."""

    append_kind = "input_audio_buffer.append"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.now = 100.0
        self.events: list[Event] = []
        self.effects: list[Output] = []
        self.notes: list[Note] = []
        self.hears: deque[Hear] = deque()
        self.overhears: list[Overhear] = []
        self.interprets: deque[Interpret] = deque()
        self.says: deque[Say] = deque()
        self._take(self.session.open(self.now))

    def raw(self, frame: str | bytes) -> list[Event]:
        """What a frame brings at once."""
        return self._take(self.session.receive(frame, self.now))

    def send(self, kind: str, **members: Any) -> list[Event]:
        return self.raw(json.dumps({"type": kind, **members}))

    def error(self, kind: str, **members: Any) -> Event:
        """The error that this event, and nothing else, brings."""
        (event,) = self.send(kind, **members)
        assert event["type"] == "error", event
        error: Event = event["error"]
        return error

    def append(self, pcm: bytes) -> list[Event]:
        return self.raw(f'{{"type":"{self.append_kind}","audio":"{encode_audio(pcm)}"}}')

    def heard(self, text: str | None, language: str = "en") -> list[Event]:
        """The engine has recognised the oldest audio it was given."""
        return self.complete(self.hears.popleft().work, Heard(language, text))

    def spoken(self, text: str, pcm: bytes = b"", understood: bool = True) -> list[Event]:
        """The engine has interpreted the oldest of what was heard."""
        return self.complete(self.interprets.popleft().work, Spoken(text, pcm, understood))

    def said(self, pcm: bytes = b"") -> list[Event]:
        """The engine has spoken the oldest text it was given."""
        job = self.says.popleft()
        return self.complete(job.work, Spoken(job.text, pcm, True))

    def complete(self, work: int, result: EngineResult) -> list[Event]:
        return self._take(self.session.completed(work, result, self.now))

    def advance(self, seconds: float) -> list[Event]:
        """Let time pass; `tick` is called at each deadline, as a connection would."""
        until = self.now + seconds
        events: list[Event] = []
        while (deadline := self.session.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            events += self._take(self.session.tick(self.now))
        self.now = until
        return events

    def noted(self, kind: str) -> list[dict[str, object]]:
        return [note.fields for note in self.notes if note.kind == kind]

    def _take(self, outputs: Any) -> list[Event]:
        events: list[Event] = []
        for output in outputs:
            match output:
                case str():
                    events.append(json.loads(output))
                case Hear():
                    self.hears.append(output)
                case Overhear():
                    self.overhears.append(output)
                case Interpret():
                    self.interprets.append(output)
                case Say():
                    self.says.append(output)
                case Note():
                    self.notes.append(output)
                case Abandon(work):
                    self.effects.append(output)
                    self.hears = deque(job for job in self.hears if job.work != work)
                    self.interprets = deque(job for job in self.interprets if job.work != work)
                case _:
                    self.effects.append(output)
        self.events += events
        return events


class TurnDriver(SessionDriver):
    """A session that knows turns."""

    def commit(self, milliseconds: float = 1000) -> str:
        """Append so much audio and commit it; the item's id."""
        self.append(pcm_of(milliseconds))
        committed = self.send("input_audio_buffer.commit")[0]
        assert committed["type"] == "input_audio_buffer.committed", committed
        item_id: str = committed["item_id"]
        return item_id


class Driver(TurnDriver):
    """A conversation."""

    def __init__(self, *rules: FaultRule, config: RealtimeConfig = AT_ONCE, configured: bool = True) -> None:
        super().__init__(
            ConversationSession(config, faults(rules), model="interpreter", connection_id="c1", unix_time=1_000_000.0)
        )
        if configured:
            self.send("session.update", session=MANUAL)

    def respond(self, **response: Any) -> tuple[str, list[Event]]:
        """The new response's id, and everything that came at once."""
        events = self.send("response.create", response=response)
        assert events[0]["type"] == "response.created", events
        return events[0]["response"]["id"], events

    def interpret(self, text: str = "Hola", pcm: bytes = b"", **response: Any) -> list[Event]:
        """A whole response to what was committed last, from `response.create` on."""
        _, events = self.respond(**response)
        if self.hears:
            events += self.heard("Hello")
        return events + self.spoken(text, pcm)


class TranscriptionDriver(TurnDriver):
    """A transcription."""

    def __init__(self, *rules: FaultRule, config: RealtimeConfig = AT_ONCE, model: str = "gpt-transcribe") -> None:
        super().__init__(
            TranscriptionSession(config, faults(rules), model=model, connection_id="c1", unix_time=1_000_000.0)
        )


class TranslationDriver(SessionDriver):
    """A translation."""

    append_kind = "session.input_audio_buffer.append"

    def __init__(self, *rules: FaultRule, config: RealtimeConfig | None = None, **behaviour: Any) -> None:
        """`behaviour`: members of TranslationModel; without a lag and at any speed, if they do not say."""
        if config is None:
            config = RealtimeConfig(seed=1, translation=TranslationModel(**{"lag_ms": (0, 0), **behaviour}))
        super().__init__(
            TranslationSession(config, faults(rules), model="translate", connection_id="c1", unix_time=1_000_000.0)
        )

    def speak(self, *stretches: tuple[int, int]) -> list[Event]:
        """Append stretches of (milliseconds, level) in real time, 200 ms at once."""
        pcm = b"".join(pcm_of(milliseconds, level) for milliseconds, level in stretches)
        events: list[Event] = []
        for start in range(0, len(pcm), 200 * BYTES_PER_MS):
            events += self.advance(0.2)
            events += self.append(pcm[start : start + 200 * BYTES_PER_MS])
        return events


def faults(rules: tuple[FaultRule, ...]) -> ConnectionFaults:
    return ConnectionFaults(RealtimeFaultPlan(RealtimeFaults(rules)), 1)


def kinds(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]


def last(events: list[Event], kind: str) -> Event:
    return [event for event in events if event["type"] == kind][-1]
