from __future__ import annotations

import time

from benchmarks import stamps
from benchmarks.load import Conversation, MarkingEngine, NotingPlayout, Speaker, Ticks
from benchmarks.observations import SpeakerLog
from tests.support.acs_emulator import until

SENTENCE = (b"\x10\x20" * 480) * 100
"""2 s."""


def pair(late: list[float] | None = None) -> tuple[Speaker, Speaker]:
    ticks, noted = Ticks(), [] if late is None else late
    first, second = (Speaker(f"8:acs:{n}", SpeakerLog(n, 0), [SENTENCE], ticks, noted.append) for n in (1, 2))
    return first, second


async def spoken(speakers: tuple[Speaker, Speaker], seconds: float) -> list[tuple[bool, bool]]:
    """Who said something in each tick."""
    now = time.monotonic()
    return [
        (speakers[0].speak(now + tick * 0.02) is not None, speakers[1].speak(now + tick * 0.02) is not None)
        for tick in range(round(seconds * 50))
    ]


async def test_speakers_take_turns_with_pauses() -> None:
    speakers = pair()
    Conversation(speakers, seed=0)
    heard = await spoken(speakers, 60.0)
    both = sum(all(tick) for tick in heard)
    nobody = sum(not any(tick) for tick in heard)
    assert min(sum(tick[0] for tick in heard), sum(tick[1] for tick in heard)) >= 5 * 100
    assert both < 0.1 * len(heard), "mostly one at a time"
    assert 0.2 < nobody / len(heard) < 0.6


async def test_the_same_seed_is_the_same_conversation() -> None:
    one, another = pair(), pair()
    Conversation(one, seed=3)
    Conversation(another, seed=3)
    assert await spoken(one, 20.0) == await spoken(another, 20.0)


async def test_nothing_begins_when_it_is_over() -> None:
    speakers = pair()
    conversation = Conversation(speakers, seed=0)
    await spoken(speakers, 1.0)
    conversation.over = True
    heard = await spoken(speakers, 10.0)
    assert sum(map(any, heard)) == 50, "what was begun is said to its end"


async def test_every_frame_is_stamped_and_its_writing_noted() -> None:
    late: list[float] = []
    speaker, _ = pair(late)
    Conversation([speaker], seed=0)
    now = time.monotonic()
    frames = [speaker.speak(now) for _ in range(10)]
    read = [stamps.read(frame).tolist() for frame in frames if frame is not None]
    assert read == [[(1 << 16) + number] for number in range(10)]
    assert speaker.log.written == [], "not before the event loop has written them"
    await until(lambda: len(speaker.log.written) == 10)
    assert now <= speaker.log.written[0] <= time.monotonic()
    assert len(late) == 10


async def test_the_engine_knows_what_it_has_heard_and_marks_what_it_says() -> None:
    engine = MarkingEngine()
    heard = await engine.hear(bytes(9_600) + stamps.stamped(SENTENCE, 5, 40) + bytes(9_600), ["en"])
    assert engine.sources == {1: (5 << 16) + 139}
    spoken = await engine.interpret(heard, "es")
    assert spoken.text == "interpretation 1"
    assert stamps.read(spoken.pcm).tolist() == [(1 << 16) + number for number in range(100)]


def test_playout_notes_what_comes() -> None:
    played: list[tuple[float, int]] = []
    buffer = NotingPlayout(1_000, played)
    buffer.push(stamps.stamped(SENTENCE[:1920], 9, 3), 5.0)
    assert played == [(5.0, (9 << 16) + 3), (5.0, (9 << 16) + 4)]
    assert buffer.depth_ms == 40.0
