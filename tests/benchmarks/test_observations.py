from __future__ import annotations

import pytest

from benchmarks.observations import Answer, Losses, Utterance
from tests.support.benchmarks import FRAME_S, answer, append, observed, playing, speaker, stamp

# --- up ---------------------------------------------------------------------------------------------


def test_the_delay_is_that_of_the_newest_frame() -> None:
    """The older ones of the same append have waited for it on purpose."""
    seen = observed(appends=[append(10 * FRAME_S + 0.004, 1, first=6, count=5)])
    assert seen.delays_up() == pytest.approx([4.0])


def test_the_end_of_an_utterance_may_wait() -> None:
    seen = observed(appends=[append(5.0, 1, first=90, count=10)])
    assert seen.delays_up() == []


def test_silence_and_unknown_sources_have_no_delay() -> None:
    silence, unknown = append(1.0, 0, 0, 1), append(1.0, 7, 3, 1)
    assert observed(appends=[silence, unknown]).delays_up() == []


def test_what_was_written_before_the_window_does_not_count() -> None:
    early, in_time = append(0.5, 1, 10, 1), append(1.5, 1, 60, 1)
    assert len(observed(start=1.0, appends=[early, in_time]).delays_up()) == 1


# --- down -------------------------------------------------------------------------------------------


def test_from_the_first_delta_to_the_first_frame() -> None:
    seen = observed(answers=[answer(1, 3.0)], played={0: playing(1, 3.002)})
    assert seen.delays_down() == pytest.approx([2.0])


def test_an_interpretation_that_waits_for_another_is_not_delayed_by_us() -> None:
    speakers = {1: speaker(1), 2: speaker(2)}
    first, second = answer(1, 3.0), answer(2, 3.5, heard=stamp(2, 99))
    seen = observed(speakers=speakers, answers=[first, second], played={0: playing(1, 3.002) + playing(2, 4.2)})
    assert seen.delays_down() == pytest.approx([2.0]), "the first alone"


def test_other_calls_are_no_hindrance() -> None:
    speakers = {1: speaker(1, call=0), 2: speaker(2, call=1)}
    answers = [answer(1, 3.0), answer(2, 3.5, heard=stamp(2, 99))]
    seen = observed(speakers=speakers, answers=answers, played={0: playing(1, 3.002), 1: playing(2, 3.503)})
    assert sorted(seen.delays_down()) == pytest.approx([2.0, 3.0])


def test_one_after_the_other_with_a_breath_between() -> None:
    first, second = answer(1, 3.0, frames=10), answer(2, 4.0)
    seen = observed(answers=[first, second], played={0: playing(1, 3.001, 10) + playing(2, 4.001)})
    assert seen.delays_down() == pytest.approx([1.0, 1.0])


def test_own_share_is_without_the_pause_and_the_model() -> None:
    """Speech ends at 1.98, is committed 530 ms later; the model takes 300 ms, the way back 5 ms."""
    ended = 99 * FRAME_S
    one = Answer(1, stamp(1, 99), ended + 0.53, ended + 0.83, 50)
    assert observed(answers=[one], played={0: playing(1, ended + 0.835)}).own_shares() == pytest.approx([35.0])


def test_ear_voice_span_has_everything() -> None:
    ended = 99 * FRAME_S
    one = Answer(1, stamp(1, 99), ended + 0.53, ended + 0.83, 50)
    assert observed(answers=[one], played={0: playing(1, ended + 0.835)}).ear_voice_spans() == pytest.approx([835.0])


def test_the_end_of_speech_is_the_speakers_not_the_detectors() -> None:
    """The last frames were taken for silence; speech has ended with them all the same."""
    ended = 99 * FRAME_S
    one = Answer(1, stamp(1, 95), ended + 0.5, ended + 0.8, 50)
    assert observed(answers=[one], played={0: playing(1, ended + 0.8)}).own_shares() == pytest.approx([0.0])


def test_half_an_utterance_has_no_known_end() -> None:
    one = Answer(1, stamp(1, 40), 1.5, 1.8, 50)
    assert observed(answers=[one], played={0: playing(1, 1.8)}).own_shares() == []


# --- rhythm -----------------------------------------------------------------------------------------


def test_the_gap_between_two_interpretations_is_no_jitter() -> None:
    answers = [answer(1, 3.0, frames=5), answer(2, 8.0, frames=5)]
    seen = observed(answers=answers, played={0: playing(1, 3.0, 5) + playing(2, 8.0, 5)})
    assert seen.jitters() == pytest.approx([0.0] * 8, abs=1e-6)
    assert seen.most_ahead() == pytest.approx(0.0)


def test_a_burst_is_ahead() -> None:
    burst = [(3.0, stamp(1, index)) for index in range(5)]
    assert observed(answers=[answer(1, 3.0)], played={0: burst}).most_ahead() == pytest.approx(80.0)


# --- losses -----------------------------------------------------------------------------------------


def test_a_hole_is_lost_and_the_ends_are_trimmed() -> None:
    seen = observed(appends=[append(1.0, 1, 5, 20), append(1.5, 1, 28, 60)])
    assert seen.lost_to_the_model() == Losses(3, 100)


def test_an_utterance_nobody_heard_is_lost_as_a_whole() -> None:
    assert observed().lost_to_the_model() == Losses(100, 100)


def test_an_utterance_under_way_is_not_judged() -> None:
    one = speaker()
    one.utterances.append(Utterance(100, 50))
    seen = observed(speakers={1: one}, appends=[append(1.0, 1, 0, 100)])
    assert seen.lost_to_the_model() == Losses(0, 100)
    assert seen.utterances == 1


def test_interpretation_that_never_came_is_lost() -> None:
    seen = observed(answers=[answer(1, 3.0, frames=50)], played={0: playing(1, 3.0, 48)})
    assert seen.lost_to_the_call() == Losses(2, 50)


def test_a_frame_played_twice_makes_up_for_no_other() -> None:
    twice = playing(1, 3.0, 49) + [(4.0, stamp(1, 0))]
    assert observed(answers=[answer(1, 3.0)], played={0: twice}).lost_to_the_call() == Losses(1, 50)


def test_interpreted_are_those_that_were_heard() -> None:
    one = speaker()
    one.utterances.append(Utterance(100, 50))
    one.written.extend(3.0 + index * FRAME_S for index in range(50))
    seen = observed(speakers={1: one}, answers=[answer(1, 3.0), answer(2, 6.0, heard=stamp(1, 149))])
    assert (seen.utterances, seen.interpreted) == (2, 0)
    played = observed(speakers={1: one}, answers=[answer(1, 3.0)], played={0: playing(1, 3.0)})
    assert (played.utterances, played.interpreted) == (2, 1)


# --- after a stall ----------------------------------------------------------------------------------


def test_the_oldest_is_the_first_of_an_append() -> None:
    seen = observed(appends=[append(1.0, 1, 5, 5), append(9.0, 1, 50, 10), append(9.5, 1, 90, 5, connection="c-2")])
    assert seen.oldest_heard(5.0) == pytest.approx(8_000.0)
    assert seen.oldest_heard(5.0, {"c-2"}) == pytest.approx(7_700.0)
    assert seen.oldest_heard(20.0) is None
