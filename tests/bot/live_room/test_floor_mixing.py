"""The floor: everybody hears the others, nobody hears themselves, whenever the frames come."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.playout.pacer import FRAME_BYTES
from bot.live_room.floor_mixing import HELD, QUEUED, TRAILING, FloorMix, FloorMixer
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.mixing import mixed
from tests.support.virtual_time import virtual_time


def tone(level: int) -> bytes:
    """A frame that is no silence, and whose sum with others tells which are in it."""
    return (level.to_bytes(2, "little") + (-level).to_bytes(2, "little", signed=True)) * (FRAME_BYTES // 4)


LEVELS = {"ana": 1 << 8, "luis": 1 << 9, "mei": 1 << 10, "omar": 1 << 11}


def in_it(pcm: bytes) -> set[str]:
    """Who is heard in a frame."""
    level = int.from_bytes(pcm[:2], "little", signed=True)
    return {speaker for speaker, one in LEVELS.items() if level & one}


def started(*speakers: str) -> FloorMix:
    """A mix in which these are heard, and nothing of theirs waits any more but one frame."""
    mix = FloorMix()
    for speaker in speakers:
        for _ in range(HELD + 1):
            mix.push(speaker, tone(LEVELS[speaker]), False)
    for _ in range(HELD):
        mix.take()
    return mix


def test_nobody_hears_themselves_and_everybody_all_others() -> None:
    mix = started("ana", "luis", "mei")
    found = mix.take()
    assert found is not None
    everybody, without = found
    assert in_it(everybody) == {"ana", "luis", "mei"}
    assert {speaker: in_it(pcm) for speaker, pcm in without.items()} == {
        "ana": {"luis", "mei"},
        "luis": {"ana", "mei"},
        "mei": {"ana", "luis"},
    }


def test_who_speaks_alone_hears_silence() -> None:
    assert started("ana").take() == (tone(LEVELS["ana"]), {"ana": bytes(FRAME_BYTES)})


def test_silence_is_not_heard_but_in_pauses_between_words() -> None:
    mix = FloorMix()
    assert not mix.push("ana", bytes(FRAME_BYTES), False)
    assert not mix.push("ana", tone(500), True), "as ACS says"
    assert mix.take() is None
    assert mix.push("ana", tone(500), False)
    assert [mix.push("ana", bytes(FRAME_BYTES), True) for _ in range(TRAILING + 2)] == [True] * TRAILING + [False] * 2


def test_a_frame_of_another_length_is_not_heard() -> None:
    assert not FloorMix().push("ana", tone(500)[:-2], False)


def test_a_speaker_whose_frames_come_late_is_heard_when_they_come() -> None:
    mix = FloorMix()
    mix.push("ana", tone(LEVELS["ana"]), False)
    assert [mix.take() for _ in range(HELD)] == [None] * HELD
    assert mix.waiting
    assert mix.take() is not None
    assert not mix.waiting
    assert mix.take() is None


def test_of_a_speaker_who_is_too_early_the_oldest_is_dropped() -> None:
    mix = FloorMix()
    for number in range(QUEUED + 5):
        mix.push("ana", tone(1_000 + number), False)
    taken = [found[0] for _ in range(QUEUED + 5) if (found := mix.take())]
    assert taken == [tone(1_000 + number) for number in range(5, QUEUED + 5)]


Steps = st.lists(st.one_of(st.sampled_from(sorted(LEVELS)), st.none()), max_size=200)


@given(Steps)
def test_in_any_order_all_that_is_heard_is_the_others(steps: list[str | None]) -> None:
    """None is the clock, a name a frame of that speaker."""
    mix, pushed, heard = FloorMix(), dict.fromkeys(LEVELS, 0), dict.fromkeys(LEVELS, 0)
    for step in [*steps, *[None] * (QUEUED + HELD + 1)]:
        if step is not None:
            pushed[step] += mix.push(step, tone(LEVELS[step]), False)
            continue
        found = mix.take()
        if found is None:
            continue
        everybody, without = found
        assert in_it(everybody) == set(without)
        for speaker, pcm in without.items():
            heard[speaker] += 1
            assert in_it(pcm) == set(without) - {speaker}
            assert mixed(b"", (pcm, tone(LEVELS[speaker]))) == everybody
    assert not mix.waiting
    for speaker, number in pushed.items():
        assert heard[speaker] <= number
        assert number <= QUEUED or heard[speaker] >= QUEUED


class Listeners:
    """Whoever listens to the floor, and what they have heard when."""

    def __init__(self) -> None:
        self.here = True
        self.heard: list[tuple[float, bytes, dict[str, bytes]]] = []

    def floor_heard(self) -> bool:
        return self.here

    def floor(self, pcm: bytes, without: dict[str, bytes]) -> None:
        self.heard.append((round(asyncio.get_running_loop().time(), 3), pcm, without))


async def spoken(mixer: FloorMixer, speaker: str, frames: int, *, every_s: float = 0.02) -> None:
    for _ in range(frames):
        mixer.hear(speaker, tone(LEVELS[speaker]), False)
        await asyncio.sleep(every_s)


@virtual_time
async def test_frames_come_every_20_ms_while_somebody_speaks_and_then_none() -> None:
    timer, listeners, loop = FrameTimer(), Listeners(), asyncio.get_running_loop()
    mixer = FloorMixer(timer, listeners, loop.time)
    running = asyncio.create_task(timer.run())
    await asyncio.gather(spoken(mixer, "ana", 50), spoken(mixer, "luis", 10))
    await asyncio.sleep(1)
    times = [at for at, _, _ in listeners.heard]
    assert {round(after - before, 3) for before, after in zip(times, times[1:], strict=False)} == {0.02}
    assert [in_it(pcm) for _, pcm, _ in listeners.heard] == [{"ana", "luis"}] * 10 + [{"ana"}] * 40
    running.cancel()


@virtual_time
async def test_a_burst_after_a_stall_is_played_in_time() -> None:
    timer, listeners, loop = FrameTimer(), Listeners(), asyncio.get_running_loop()
    mixer = FloorMixer(timer, listeners, loop.time)
    running = asyncio.create_task(timer.run())
    await spoken(mixer, "ana", 5)
    await asyncio.sleep(0.1)
    await spoken(mixer, "ana", 5, every_s=0)
    await spoken(mixer, "ana", 10)
    await asyncio.sleep(1)
    assert len(listeners.heard) == 20
    running.cancel()


@virtual_time
async def test_nothing_is_mixed_while_nobody_listens() -> None:
    timer, listeners, loop = FrameTimer(), Listeners(), asyncio.get_running_loop()
    mixer = FloorMixer(timer, listeners, loop.time)
    running = asyncio.create_task(timer.run())
    listeners.here = False
    await spoken(mixer, "ana", 10)
    listeners.here = True
    await spoken(mixer, "ana", 2)
    listeners.here = False
    mixer.hear("ana", tone(LEVELS["ana"]), False)
    await asyncio.sleep(1)
    assert listeners.heard == []
    running.cancel()


@pytest.mark.parametrize("speakers", [1, 4])
def test_closing_forgets_what_waits(speakers: int) -> None:
    mix = started(*sorted(LEVELS)[:speakers])
    mix.clear()
    assert not mix.waiting
    assert mix.take() is None
