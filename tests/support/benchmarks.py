"""Runs and observations made up by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.line import Generator, Run
from benchmarks.observations import Answer, Append, Losses, Observations, SpeakerLog, Utterance
from benchmarks.percentiles import Spread

FRAME_S = 0.02

RUN = Run(
    subject="bot",
    calls=10,
    seconds=20.0,
    utterances=40,
    up=Spread(100, 1.0, 2.0, 3.0, 4.0),
    down=Spread(100, 1.0, 2.0, 3.0, 4.0),
    own_share=Spread(100, 20.0, 40.0, 50.0, 60.0),
    jitter=Spread(100, 1.0, 2.0, 3.0, 4.0),
    ahead_ms=5.0,
    cpu_per_call_minute=0.2,
    core_share=0.1,
    mib_at_rest=100.0,
    mib_per_call=0.5,
    lost_to_the_model=Losses(0, 500),
    lost_to_the_call=Losses(0, 500),
    generator=Generator(late_p99_ms=1.0, core_share=0.2, frames_dropped=0),
)


def run(**changes: Any) -> Run:
    return replace(RUN, **changes)


def stamp(source: int, number: int) -> int:
    return (source << 16) + number


def append(at: float, source: int, first: int, count: int, connection: str = "c-1") -> Append:
    frames = np.array([stamp(source, number) for number in range(first, first + count)], dtype=np.uint32)
    return Append(at, connection, frames)


def speaker(number: int = 1, call: int = 0, frames: int = 100, start: float = 0.0) -> SpeakerLog:
    """One utterance, a frame every 20 ms."""
    written = [start + index * FRAME_S for index in range(frames)]
    return SpeakerLog(number, call, written, [Utterance(0, frames)])


def observed(**changes: Any) -> Observations:
    """One call with one speaker who said 100 frames (2 s); nothing has arrived anywhere."""
    parts: dict[str, Any] = {
        "start": 0.0,
        "end": 100.0,
        "speakers": {1: speaker()},
        "appends": [],
        "answers": [],
        "played": {0: []},
    }
    return Observations(**(parts | changes))


def answer(number: int, first_delta_at: float, *, frames: int = 50, heard: int = stamp(1, 99)) -> Answer:
    return Answer(number, heard, first_delta_at - 0.3, first_delta_at, frames)


def playing(number: int, at: float, frames: int = 50) -> list[tuple[float, int]]:
    """An interpretation coming into the call, in perfect rhythm."""
    return [(at + index * FRAME_S, stamp(number, index)) for index in range(frames)]
