"""What a session of any type is to its connection: events and times in, effects out. No I/O, no clock.

    frame text --> receive(frame, now) ---\\
    engine result -> completed(work, …) ---> [Output, …]   the connection performs them in order
    deadline ----> tick(now) -------------/

All times are seconds of one monotonic clock, read by the connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from emulator.engine.base import EngineError, Heard, Spoken


@dataclass(frozen=True, slots=True)
class Hear:
    """Have the engine recognise audio; answer with `completed(work, Heard | EngineError)`."""

    work: int
    pcm: bytes
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interpret:
    """Have the engine translate and speak; answer with `completed(work, Spoken | EngineError)`."""

    work: int
    heard: Heard
    target: str


@dataclass(frozen=True, slots=True)
class Say:
    """Have the engine speak a text; answer with `completed(work, Spoken | EngineError)`."""

    work: int
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """Nobody needs the result of this work any more."""

    work: int


@dataclass(frozen=True, slots=True)
class Note:
    """An entry for the journal."""

    kind: str
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket in order, with this code and reason."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Drop the TCP connection without a word."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Stop reading, writing or both for a while; the other end only sees silence."""

    seconds: float
    reads: bool
    writes: bool


Output = str | bytes | Hear | Interpret | Say | Abandon | Note | Close | Abort | Stall
"""A `str` goes out as a text frame, `bytes` as a binary one."""

EngineResult = Heard | Spoken | EngineError


class Session(Protocol):
    """One session. Every method may be called at any moment, and never raises for what the client did."""

    @property
    def id(self) -> str: ...

    def open(self, now: float) -> Sequence[Output]:
        """The first thing called, once the socket is open."""
        ...

    def receive(self, frame: str | bytes, now: float) -> Sequence[Output]: ...

    def completed(self, work: int, result: EngineResult, now: float) -> Sequence[Output]: ...

    def tick(self, now: float) -> Sequence[Output]:
        """Do what is due by `now`."""
        ...

    def next_deadline(self) -> float | None:
        """When `tick` is wanted next."""
        ...

    def accounts(self) -> dict[str, int]:
        """Where the audio went so far, in bytes: `audio_in` is the sum of the other `audio_in_*`."""
        ...
