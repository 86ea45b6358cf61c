"""Defines the protocol between a session and its connection: events and times in, effects out. No I/O, no clock.

    frame text --> receive(frame, now) ---\\
    engine result -> completed(work, …) ---> [Output, …]   the connection performs them in order
    deadline ----> tick(now) -------------/

All times are seconds of one monotonic clock, read by the connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
class Overhear:
    """Have the engine recognise speech that goes on, if it has time; answer as to `Hear`."""

    work: int
    pcm: bytes
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interpret:
    """Have the engine translate and speak; answer with `completed(work, Spoken | EngineError)`."""

    work: int
    heard: Heard
    target: str
    terms: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Say:
    """Have the engine speak a text; answer with `completed(work, Spoken | EngineError)`."""

    work: int
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """Cancel this work: its result is no longer needed."""

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
    """Drop the TCP connection without a close frame."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Stop reading, writing or both for a while."""

    seconds: float
    reads: bool
    writes: bool


Output = str | bytes | Hear | Overhear | Interpret | Say | Abandon | Note | Close | Abort | Stall
"""A `str` goes out as a text frame, `bytes` as a binary one."""

EngineResult = Heard | Spoken | EngineError


class Session(Protocol):
    """A session. Its methods may be called at any time and never raise for client errors."""

    @property
    def id(self) -> str: ...

    def open(self, now: float) -> Sequence[Output]:
        """Start the session; called first, once the socket is open."""
        ...

    def receive(self, frame: str | bytes, now: float) -> Sequence[Output]: ...

    def completed(self, work: int, result: EngineResult, now: float) -> Sequence[Output]: ...

    def tick(self, now: float) -> Sequence[Output]:
        """Run everything due at `now`."""
        ...

    def next_deadline(self) -> float | None:
        """Return when `tick` must be called next."""
        ...

    def accounts(self) -> dict[str, int]:
        """Return the bytes of audio by fate so far: `audio_in` is the sum of the other `audio_in_*`."""
        ...
