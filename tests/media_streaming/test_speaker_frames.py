from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_streaming.audio import FRAME_MS, PCM_24K_MONO
from media_streaming.messages import AudioData
from media_streaming.speaker_frames import SPEAKERS, STREAMS, SpeakerFrames

ANA = "8:acs:ana"
BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)
SILENCE = bytes(960)


def at(ms: float) -> datetime:
    return BEGAN + timedelta(milliseconds=ms)


def tone(number: int, ms: int = FRAME_MS) -> bytes:
    """Audio whose samples all have this value."""
    return number.to_bytes(2, "little", signed=True) * (24 * ms)


def audio(pcm: bytes, ms: float | None = None, *, silent: bool = False, speaker: str | None = ANA) -> AudioData:
    return AudioData(pcm, speaker, None if ms is None else at(ms), silent)


def all_frames(messages: Iterable[AudioData], *, joins: bool = False) -> list[AudioData]:
    frames = SpeakerFrames(PCM_24K_MONO)
    frames.joins = joins
    found = []
    for message in messages:
        if (frame := frames.take(message)) is not None:
            found.append(frame)
        while frames.ready:
            found.append(frames.ready.popleft())
    return found


def test_a_message_of_20_ms_is_a_frame() -> None:
    messages = [audio(tone(number), number * 20) for number in range(100)]
    assert all_frames(messages) == messages


@pytest.mark.parametrize("ms", [40, 100, 200])
def test_longer_messages_are_cut_into_frames_that_know_when_they_were_said(ms: int) -> None:
    pcm = b"".join(tone(number) for number in range(200))
    size = PCM_24K_MONO.bytes_in(ms)
    messages = [audio(pcm[start : start + size], start / 48) for start in range(0, len(pcm), size)]
    assert all_frames(messages) == [audio(tone(number), number * 20) for number in range(200)]


def test_what_does_not_fill_a_frame_waits_for_the_next_message() -> None:
    found = all_frames([audio(tone(1, 30), 0), audio(tone(2, 30), 30), audio(tone(3), 60)])
    assert found == [
        audio(tone(1), 0),
        audio(tone(1, 10) + tone(2, 10), 20),
        audio(tone(2), 40),
        audio(tone(3), 60),
    ]


def test_frames_without_a_time_are_cut_all_the_same() -> None:
    assert all_frames([audio(tone(1, 40))]) == [audio(tone(1)), audio(tone(1))]


def test_shorter_messages_are_joined_if_they_were_announced_or_follow_each_other() -> None:
    shorter = [audio(tone(number, 10), number * 10) for number in range(4)]
    assert all_frames(shorter, joins=True) == [
        audio(tone(0, 10) + tone(1, 10), 0),
        audio(tone(2, 10) + tone(3, 10), 20),
    ]
    assert all_frames(shorter) == [shorter[0], audio(tone(1, 10) + tone(2, 10), 10)]
    between = [shorter[0], audio(tone(9), 10), shorter[3], audio(tone(9), 40)]
    assert all_frames(between) == between, "one now and then is passed on as it is"


@given(sizes=st.lists(st.integers(0, 3_000), max_size=40), joins=st.booleans())
def test_no_byte_is_lost_doubled_or_out_of_order(sizes: list[int], joins: bool) -> None:
    pcm = np.random.default_rng(7).bytes(2 * sum(sizes))
    places = np.cumsum([0, *sizes]) * 2
    messages = [audio(pcm[start:end]) for start, end in zip(places, places[1:], strict=False)]
    found = b"".join(frame.pcm for frame in all_frames(messages, joins=joins))
    assert pcm.startswith(found)
    assert len(pcm) - len(found) < 960


def devices(count: int, ticks: int, second: bytes = SILENCE, apart_ms: int = 0, ms: int = FRAME_MS) -> list[AudioData]:
    """A speaker on several devices; of those after the first, each sends the same."""
    return [
        audio(tone(number + 1, ms) if device == 0 else second, number * ms + device * apart_ms, silent=device > 0)
        for number in range(ticks)
        for device in range(count)
    ]


@pytest.mark.parametrize("apart_ms", [0, 3])
def test_a_second_device_that_is_muted_does_not_cut_speech_to_pieces(apart_ms: int) -> None:
    found = all_frames(devices(2, 200, apart_ms=apart_ms))
    # Until the second device is noticed, after ten messages, its frames are heard as well.
    assert found[10:] == [audio(tone(number + 1), number * 20) for number in range(5, 199)]


@pytest.mark.parametrize(("ms", "apart_ms"), [(20, 9), (20, 10), (20, 11), (20, 19), (100, 10), (100, 50), (100, 90)])
def test_devices_that_begin_their_frames_at_other_times_do_not_make_speech_longer(ms: int, apart_ms: int) -> None:
    found = all_frames(devices(2, 200, tone(0, ms), apart_ms=apart_ms, ms=ms))
    noticed = next(place for place, frame in enumerate(found) if frame.pcm == tone(20))
    frames = [tone(number) for number in range(20, 201) for _ in range(ms // FRAME_MS)]
    assert [frame.pcm for frame in found[noticed:] if frame.pcm != SILENCE] in (frames, frames[: -ms // FRAME_MS])
    assert found[noticed:-1] == [frame for frame in found[noticed:-1] if frame.pcm != SILENCE]


@pytest.mark.parametrize("order", [1, -1])
def test_whichever_device_is_first_is_the_same(order: int) -> None:
    messages = [
        message
        for number in range(50)
        for message in [audio(tone(number + 1), number * 20), audio(SILENCE, number * 20, silent=True)][::order]
    ]
    found = all_frames(messages)[10:]
    assert [(frame.pcm, frame.silent) for frame in found] == [(tone(number + 1), False) for number in range(5, 49)]


def test_messages_of_100_ms_from_two_devices() -> None:
    found = all_frames(devices(2, 20, tone(0, 100), ms=100))
    assert [frame.pcm for frame in found[50:]] == [tone(number) for number in range(6, 20) for _ in range(5)]


def test_messages_of_100_ms_from_three_devices() -> None:
    found = all_frames(devices(3, 20, tone(0, 100), ms=100))
    assert [frame.pcm for frame in found[55:]] == [tone(number) for number in range(5, 20) for _ in range(5)]


def test_two_devices_that_both_speak_are_added_without_overflow() -> None:
    found = all_frames(devices(2, 20, tone(30_000)))
    assert found[-1].pcm == tone(30_019)
    both = [audio(tone(-20_000), number // 2 * 20) for number in range(40)]
    assert all_frames(both)[-1].pcm == tone(-32_768)
    uneven = [audio(tone(5, 20 if number % 2 else 10), number // 2 * 20) for number in range(60)]
    assert all_frames(uneven)[-1].pcm == tone(10, 10) + tone(5, 10)


def test_both_devices_silent_is_silent() -> None:
    found = all_frames([audio(SILENCE, number // 2 * 20, silent=True) for number in range(40)])
    assert all(frame.silent for frame in found)


def test_a_device_that_leaves_takes_nothing_with_it() -> None:
    one = [audio(tone(number + 1), number * 20) for number in range(50, 150)]
    found = all_frames([*devices(2, 50), *one])
    assert [frame.pcm for frame in found[10:]] == [tone(number) for number in range(6, 151)]
    assert all_frames([*devices(2, 50), *one])[-1] is one[-1]  # and nothing is held back any more


@pytest.mark.parametrize("times", [[0.0] * 200, [number // 50 * 1000.0 for number in range(200)], [None] * 200])
def test_times_that_say_nothing_lose_no_audio(times: list[float | None]) -> None:
    messages = [audio(tone(number), ms) for number, ms in enumerate(times)]
    assert [frame.pcm for frame in all_frames(messages)] == [message.pcm for message in messages]


def test_times_that_stop_lose_at_most_what_is_taken_for_further_devices() -> None:
    stopped = [audio(tone(number), 1000) for number in range(100)]
    found = all_frames([*devices(2, 50), *stopped])
    assert [frame.pcm for frame in found[-80:]] == [tone(number) for number in range(20, 100)]


def test_times_that_end_lose_nothing() -> None:
    untimed = [audio(tone(number)) for number in range(100)]
    found = all_frames([*devices(2, 50), *untimed])
    assert [frame.pcm for frame in found[-100:]] == [message.pcm for message in untimed]


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    messages = [audio(tone(number), number * 20 - (5_000 if number > 30 else 0)) for number in range(100)]
    assert all_frames(messages) == messages


def test_audio_that_was_stalled_and_comes_at_once_is_one_stream() -> None:
    """The times tell, not when the messages come."""
    messages = [audio(tone(number), number * 20) for number in range(1_000)]
    assert all_frames(messages) == messages


def test_more_streams_than_anybody_has_devices_are_left_as_they_are() -> None:
    messages = devices(STREAMS + 1, 20)
    assert all_frames(messages) == messages


def test_speakers_are_told_apart() -> None:
    luis = "8:acs:luis"
    messages = [audio(tone(number), number // 2 * 20, speaker=(ANA, luis)[number % 2]) for number in range(100)]
    assert all_frames(messages) == messages
    mixed = [audio(tone(1), number * 20, speaker=None) for number in range(100)]
    assert all_frames(mixed) == mixed


def test_the_number_of_speakers_remembered_is_bounded() -> None:
    frames = SpeakerFrames(PCM_24K_MONO)
    for number in range(3 * SPEAKERS):
        frames.take(audio(SILENCE, speaker=f"8:acs:{number}"))
    assert len(frames._speakers) <= SPEAKERS
