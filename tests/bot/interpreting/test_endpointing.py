from __future__ import annotations

from dataclasses import replace
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.endpointing import (
    FRAME_MS,
    GAP_GRACE_MS,
    Endpointer,
    TurnAudio,
    TurnBegan,
    TurnEnded,
    TurnEvent,
)
from bot.interpreting.plan import Endpointing
from tests.support.audio import FRAME_BYTES, numbered, numbers, soft
from tests.support.clock import after

DEFAULT = Endpointing()


class Microphone:
    """Feeds an endpointer with numbered frames, one per 20 ms; frame n arrives at n × 20 ms."""

    def __init__(self, settings: Endpointing = DEFAULT, *, streamed: bool = False) -> None:
        self.endpointer = Endpointer(settings, streamed=streamed)
        self.sent = 0
        self.now = 0.0

    def hears(self, speech: str) -> list[TurnEvent]:
        """Each character is a frame: `#` speech, `-` soft speech, `.` none; spaces are for the reader."""
        turns: list[TurnEvent] = []
        for mark in speech.replace(" ", ""):
            self.sent += 1
            self.now = self.sent * FRAME_MS / 1000
            pcm = numbered(self.sent) if mark == "#" else soft(self.sent)
            turns += self.endpointer.frame(pcm, mark != ".", self.now)
        return turns


def cut(turns: list[TurnEvent]) -> tuple[float, int]:
    """When the words before a cut were over, and how long ago those behind it began."""
    ended, begun = turns[-2:]
    assert isinstance(ended, TurnEnded)
    assert isinstance(begun, TurnBegan)
    return round(ended.last_voiced_at, 6), begun.ago_ms


def kinds(turns: list[TurnEvent]) -> list[str]:
    return [type(turn).__name__ for turn in turns]


def sent(turns: list[TurnEvent]) -> list[int]:
    """The numbers of the frames that were sent on."""
    return numbers(b"".join(turn.pcm for turn in turns if isinstance(turn, TurnBegan | TurnAudio)))


def test_speech_of_100_ms_begins_an_utterance_with_300_ms_before_it() -> None:
    microphone = Microphone()
    assert microphone.hears("." * 40 + "####") == []
    assert microphone.endpointer.deadline is None
    turns = microphone.hears("#")
    assert kinds(turns) == ["TurnBegan"]
    assert sent(turns) == list(range(41 - 15, 46))
    assert microphone.endpointer.deadline is not None


def test_a_cough_of_80_ms_begins_nothing() -> None:
    microphone = Microphone()
    assert microphone.hears(".... #### .......... ####" + "." * 30) == []


def test_broken_speech_within_200_ms_counts_together() -> None:
    microphone = Microphone()
    assert kinds(microphone.hears("#.#.#.#.#")) == ["TurnBegan"]


def test_speech_at_the_very_start_has_no_more_before_it_than_there_is() -> None:
    assert sent(Microphone().hears("..#####")) == [1, 2, 3, 4, 5, 6, 7]


def test_speech_is_passed_on_at_once_and_a_pause_when_it_is_over() -> None:
    microphone = Microphone()
    microphone.hears("#####")
    assert microphone.hears("#") == [TurnAudio(numbered(6))]
    assert microphone.hears("...") == []
    assert sent(microphone.hears("#")) == [7, 8, 9, 10]


def test_a_pause_of_500_ms_ends_the_turn_and_200_ms_of_it_are_sent() -> None:
    microphone = Microphone()
    microphone.hears("#####")
    assert microphone.hears("." * 24) == []
    tail, ended = microphone.hears(".")
    assert sent([tail]) == list(range(6, 16))
    assert ended == TurnEnded(last_voiced_at=0.1, patience_ms=500, reason="pause")
    assert microphone.endpointer.deadline is None


def test_after_3_s_of_speech_a_pause_of_250_ms_is_enough() -> None:
    microphone = Microphone()
    microphone.hears("#" * 150)
    assert kinds(microphone.hears("." * 12)) == []
    assert microphone.hears(".")[-1] == TurnEnded(last_voiced_at=3.0, patience_ms=250, reason="pause")


# --- who goes on after a pause ---------------------------------------------------------------------


def goes_on(microphone: Microphone, pause: int, speech: int = 5) -> TurnBegan:
    """Begin again after so many frames of a pause."""
    turns = microphone.hears("." * pause + "#" * speech)
    [begun] = [turn for turn in turns if isinstance(turn, TurnBegan)]
    return begun


def test_whoever_goes_on_soon_after_a_pause_may_have_been_amid_a_sentence() -> None:
    microphone = Microphone()
    said = microphone.hears("#" * 50)
    begun = goes_on(microphone, 39)
    assert numbers(begun.before) == [*sent(said), *range(51, 61)], "with its tail"
    assert numbers(begun.pcm) == list(range(75, 95)), "with its pre-roll"


def test_what_was_said_before_the_pause_counts_if_it_is_gone_on_with() -> None:
    microphone = Microphone()
    microphone.hears("#" * 140)
    goes_on(microphone, 30)
    microphone.endpointer.go_on()
    assert microphone.endpointer.patience_ms == 250
    ended = microphone.hears("." * 13)[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.voiced_ms == 145 * FRAME_MS
    again = goes_on(microphone, 5)
    assert numbers(again.before)[:1] == [1]
    assert len(numbers(again.before)) == 150 + 20 + 10, "with tails and the pre-roll"
    microphone.endpointer.go_on()
    turns = microphone.hears("#" * 500)
    capped = next(place for place, turn in enumerate(turns) if isinstance(turn, TurnEnded))
    whole = [*numbers(again.before), *numbers(again.pcm), *sent(turns[:capped])]
    assert 400 < len(whole) <= 500, "10 s at most"


def test_what_is_not_gone_on_with_counts_alone() -> None:
    microphone = Microphone()
    microphone.hears("#" * 140)
    goes_on(microphone, 30)
    assert microphone.endpointer.patience_ms == 500


@pytest.mark.parametrize(
    ("change", "speech", "pause"),
    [
        ({}, 50, 40),  # 800 ms
        ({}, 50, 400),
        ({}, 401, 20),  # 8 s: the cap is close
        ({"max_bytes": 400 * FRAME_BYTES}, 301, 20),
        ({"end_of_turn_unfinished_ms": 500}, 50, 30),
    ],
)
def test_after_a_long_pause_or_a_long_utterance_another_begins(change: dict[str, int], speech: int, pause: int) -> None:
    microphone = Microphone(replace(DEFAULT, **change))
    microphone.hears("#" * speech)
    assert goes_on(microphone, pause).before == b""


def test_interpreted_while_it_goes_on_nothing_is_kept_to_be_said_again() -> None:
    microphone = Microphone(streamed=True)
    microphone.hears("#" * 50)
    assert goes_on(microphone, 30).before == b""


def test_a_pause_in_which_frames_stayed_away_is_as_long_as_the_clock_says() -> None:
    microphone = Microphone()
    microphone.hears("#" * 50 + "." * 25)
    microphone.sent += 30
    assert goes_on(microphone, 0).before == b""


def test_who_was_muted_or_has_left_says_something_else_next() -> None:
    microphone = Microphone()
    microphone.hears("#" * 50)
    deadline = microphone.endpointer.deadline
    assert deadline is not None
    microphone.endpointer.expire(deadline)
    assert goes_on(microphone, 0).before == b""
    microphone.hears("." * 25)
    microphone.endpointer.stop()
    assert goes_on(microphone, 0).before == b""


def test_what_was_cut_by_its_length_is_not_said_again() -> None:
    microphone = Microphone()
    microphone.hears("#" * 140)
    goes_on(microphone, 30)
    turns = microphone.hears("#" * 500)
    assert [turn.before for turn in turns if isinstance(turn, TurnBegan)] == [b""]


# --- the length cap -----------------------------------------------------------------------------------


def test_the_cap_cuts_in_the_last_gap_before_it_and_what_is_behind_is_the_next_utterance() -> None:
    microphone = Microphone()
    turns = microphone.hears("#" * 405 + "---" + "#" * 32 + "-----" + "#" * 53 + "--")
    assert turns[-2:] == [TurnEnded(last_voiced_at=ANY, patience_ms=0, reason="cap"), TurnBegan(ANY)]
    assert cut(turns) == (8.84, (500 - 443) * FRAME_MS)
    assert sent(turns[:-1]) == list(range(1, 443))
    assert sent(turns[-1:]) == list(range(443, 501))
    assert microphone.hears("#") == [TurnAudio(numbered(501))]


def test_a_gap_is_found_by_its_level_whether_or_not_the_detector_took_it_for_speech() -> None:
    microphone = Microphone()
    turns = microphone.hears("#" * 420 + "..." + "#" * 77)
    assert cut(turns) == (8.4, (500 - 424) * FRAME_MS)
    assert sent(turns[:-1]) == list(range(1, 422))
    assert sent(turns[-1:]) == list(range(422, 501))


def test_without_a_gap_the_cap_cuts_where_it_is_quietest() -> None:
    microphone = Microphone()
    turns = microphone.hears("#" * 450 + "--" + "#" * 48)
    assert sent(turns[:-1]) == list(range(1, 451))
    assert sent(turns[-1:]) == list(range(451, 501))


def test_sound_that_is_as_loud_throughout_is_cut_at_the_cap() -> None:
    microphone = Microphone()
    turns = microphone.hears("#" * 500)
    assert turns[-1] == TurnEnded(last_voiced_at=10.0, patience_ms=0, reason="cap")
    assert sent(turns) == list(range(1, 501))
    assert microphone.hears("#") == [TurnBegan(numbered(501))], "it has begun before"
    assert sent(microphone.hears("#" * 10)) == list(range(502, 512))


def test_after_a_cut_amid_sound_a_pause_is_a_pause() -> None:
    microphone = Microphone()
    microphone.hears("#" * 500)
    assert microphone.hears(".####") == []


def test_close_to_the_cap_speech_is_held_until_it_pauses() -> None:
    microphone = Microphone()
    microphone.hears("#" * 400)
    assert microphone.hears("#" * 30 + "." * 12) == []
    held, ended = microphone.hears(".")
    assert sent([held]) == list(range(401, 441))
    assert ended == TurnEnded(last_voiced_at=8.6, patience_ms=250, reason="pause")


def test_a_pause_in_which_the_cap_comes_is_cut_in_the_middle() -> None:
    microphone = Microphone()
    turns = microphone.hears("#" * 490 + "." * 10)
    assert turns[-1] == TurnEnded(last_voiced_at=9.8, patience_ms=200, reason="cap")
    assert sent(turns) == list(range(1, 496))
    assert microphone.endpointer.deadline is None
    assert sent(microphone.hears("." * 3 + "#####")) == list(range(496, 509))


def test_what_is_behind_the_cap_and_ends_in_a_pause_waits_for_the_rest_of_the_pause() -> None:
    microphone = Microphone()
    turns = microphone.hears("#" * 420 + "---" + "#" * 75 + "..")
    assert sent(turns) == list(range(1, 499))
    assert microphone.hears("." * 22) == []
    assert microphone.hears(".")[-1] == TurnEnded(last_voiced_at=9.96, patience_ms=500, reason="pause")


def test_the_cap_counts_bytes_as_it_counts_time() -> None:
    microphone = Microphone(replace(DEFAULT, max_bytes=20 * FRAME_BYTES))
    turns = microphone.hears("#" * 14 + "---" + "#" * 3)
    assert turns[-2:] == [TurnEnded(last_voiced_at=ANY, patience_ms=0, reason="cap"), TurnBegan(ANY)]
    assert cut(turns) == (0.3, 80)
    assert sent(turns[:-1]) == list(range(1, 16))
    assert sent(turns[-1:]) == list(range(16, 21))


def test_a_cap_that_is_lowered_below_what_was_passed_on_cuts_at_once() -> None:
    microphone = Microphone()
    microphone.hears("#" * 100)
    microphone.endpointer.settings = replace(DEFAULT, max_utterance_ms=1_000)
    assert microphone.hears("#") == [TurnAudio(numbered(101)), TurnEnded(2.02, 0, "cap")]


def test_streamed_speech_is_not_held_and_cut_in_the_first_gap_close_to_the_cap() -> None:
    microphone = Microphone(streamed=True)
    microphone.hears("#" * 300 + "---" + "#" * 97)
    turns = microphone.hears("#" * 20 + "--")
    assert kinds(turns) == ["TurnAudio"] * 22
    assert microphone.hears("-") == [TurnAudio(soft(423)), TurnEnded(last_voiced_at=8.46, patience_ms=0, reason="cap")]
    assert kinds(microphone.hears("#####")) == ["TurnBegan"]


def test_streamed_speech_without_a_gap_is_cut_at_the_cap() -> None:
    microphone = Microphone(streamed=True)
    turns = microphone.hears("#" * 500)
    assert turns[-1] == TurnEnded(last_voiced_at=10.0, patience_ms=0, reason="cap")
    assert sent(turns) == list(range(1, 501))
    assert sent(microphone.hears("#" * 10)) == list(range(501, 511))


def test_the_rest_of_a_pause_is_the_beginning_of_the_next_utterance() -> None:
    microphone = Microphone()
    first = microphone.hears("#####" + "." * 25)
    second = microphone.hears("#####")
    assert sent(first) == list(range(1, 16))
    assert sent(second) == list(range(16, 36))


def test_frames_that_stay_away_end_the_turn_as_a_pause_would() -> None:
    microphone = Microphone()
    microphone.hears("#####" + "." * 5)
    deadline = microphone.endpointer.deadline
    assert deadline is not None
    assert deadline == pytest.approx(0.2 + (500 - 100 + GAP_GRACE_MS) / 1000)
    assert microphone.endpointer.expire(deadline - 0.001) == []
    tail, ended = microphone.endpointer.expire(deadline)
    assert sent([tail]) == [6, 7, 8, 9, 10]
    assert ended == TurnEnded(last_voiced_at=0.1, patience_ms=500, reason="gap")
    assert microphone.endpointer.expire(deadline + 60) == []


def test_a_burst_after_a_stall_is_cut_as_if_it_had_come_in_time() -> None:
    endpointer = Endpointer(DEFAULT)
    marks = [True] * 10 + [False] * 25 + [True] * 10
    turns = [turn for number, voiced in enumerate(marks, 1) for turn in endpointer.frame(numbered(number), voiced, 5.0)]
    assert kinds(turns) == ["TurnBegan", *["TurnAudio"] * 6, "TurnEnded", "TurnBegan", *["TurnAudio"] * 5]


def test_a_speaker_who_leaves_has_finished() -> None:
    microphone = Microphone()
    microphone.hears("#####.")
    assert microphone.endpointer.stop() == [TurnAudio(soft(6)), TurnEnded(0.1, 0, "gap")]
    assert microphone.endpointer.stop() == []
    assert sent(microphone.hears("." * 5 + "#####")) == list(range(7, 17)), "what was held is forgotten"


def test_a_listener_who_leaves_has_said_nothing() -> None:
    microphone = Microphone()
    microphone.hears("....")
    assert microphone.endpointer.stop() == []


def test_no_deadline_without_speech() -> None:
    microphone = Microphone()
    microphone.hears("....##")
    assert microphone.endpointer.deadline is None


def test_changed_settings_hold_within_the_utterance() -> None:
    microphone = Microphone()
    microphone.hears("#####" + "." * 5)
    microphone.endpointer.settings = replace(DEFAULT, end_of_turn_ms=120)
    assert microphone.hears(".")[-1] == TurnEnded(last_voiced_at=0.1, patience_ms=120, reason="pause")


# --- laws ----------------------------------------------------------------------------------------

ms = st.integers(1, 30).map(lambda frames: frames * FRAME_MS)
endpointings = st.builds(
    Endpointing,
    onset_ms=st.integers(1, 5).map(lambda frames: frames * FRAME_MS),
    onset_window_ms=st.integers(5, 10).map(lambda frames: frames * FRAME_MS),
    preroll_ms=st.integers(0, 15).map(lambda frames: frames * FRAME_MS),
    end_of_turn_ms=ms,
    end_of_turn_after_long_ms=ms,
    long_speech_ms=ms,
    max_utterance_ms=st.integers(26, 60).map(lambda frames: frames * FRAME_MS),
    max_bytes=st.integers(26, 60).map(lambda frames: frames * FRAME_BYTES),
    tail_ms=st.integers(0, 20).map(lambda frames: frames * FRAME_MS),
)
stretches = st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=8)
pauses_ms = st.sampled_from([20, 20, 20, 0, 300, 1_000])


@given(endpointings, stretches, st.data())
def test_utterances_are_the_frames_in_order_none_twice_and_none_too_long(
    settings: Endpointing, speech: list[tuple[bool, int]], data: st.DataObject
) -> None:
    endpointer = Endpointer(settings)
    now, number = 0.0, 0
    utterances: list[list[int]] = []
    open_now = False
    for voiced, length in speech:
        pause_ms = data.draw(pauses_ms)
        for _ in range(length):
            now = after(now, pause_ms)
            number += 1
            for turn in [*endpointer.expire(now), *endpointer.frame(numbered(number), voiced, now)]:
                match turn:
                    case TurnBegan(pcm):
                        assert not open_now
                        open_now = True
                        utterances.append(numbers(pcm))
                    case TurnAudio(pcm):
                        assert open_now
                        utterances[-1] += numbers(pcm)
                    case TurnEnded(last_voiced_at, patience_ms, _):
                        assert open_now
                        open_now = False
                        assert last_voiced_at <= now
                        assert 0 <= patience_ms <= max(settings.end_of_turn_ms, settings.end_of_turn_after_long_ms)
            assert (endpointer.deadline is not None) == open_now
    heard = [frame for utterance in utterances for frame in utterance]
    assert heard == sorted(set(heard))
    for utterance in utterances:
        assert utterance == list(range(utterance[0], utterance[0] + len(utterance)))
        assert len(utterance) * FRAME_MS <= settings.max_utterance_ms
        assert len(utterance) * FRAME_BYTES <= settings.max_bytes


@given(endpointings, stretches)
def test_all_speech_long_enough_to_be_an_utterance_is_in_one(
    settings: Endpointing, speech: list[tuple[bool, int]]
) -> None:
    microphone = Microphone(settings)
    turns = microphone.hears("".join(("#" if voiced else ".") * length for voiced, length in speech))
    heard = set(sent([*turns, *microphone.endpointer.stop()]))
    number, onset = 0, settings.onset_ms // FRAME_MS
    for voiced, length in speech:
        frames = range(number + 1, number + length + 1)
        number += length
        if voiced and length > onset:
            assert not [frame for frame in frames if frame not in heard]


@given(endpointings, stretches)
def test_the_end_of_patience_ends_the_turn(settings: Endpointing, speech: list[tuple[bool, int]]) -> None:
    microphone = Microphone(settings)
    microphone.hears("".join(("#" if voiced else ".") * length for voiced, length in speech))
    deadline = microphone.endpointer.deadline
    if deadline is not None:
        assert deadline > microphone.now
        assert kinds(microphone.endpointer.expire(deadline))[-1] == "TurnEnded"
        assert microphone.endpointer.deadline is None
