"""Verdicts on meetings made of noise, in which the test knows every sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from demo import verdict
from demo.layouts import MeetingPlan
from demo.meeting import SpokenTurn
from demo.recording_analysis import RATE, Samples, Span
from demo.report import LedgerEntry, TurnResult
from demo.script import Person, Turn
from tests.support.sounds import joined, mixed, silence, speech

ANA, LUIS = Person("Ana", "en-US"), Person("Luis", "es-ES")
MORNING, MORNING_ES = speech(1, 1), speech(1.2, 2)
THANKS, THANKS_EN = speech(0.8, 3), speech(0.9, 4)
BOTH = MeetingPlan([ANA, LUIS])
SPOKEN = (LedgerEntry("u", "spoken", "es-ES", own_share_ms=3.0), LedgerEntry("v", "spoken", "en-US", own_share_ms=3.0))


class Ear:
    """Recognises known sounds by their first loud samples, in their own language only."""

    def __init__(self, known: Mapping[str, tuple[Samples, str]]) -> None:
        self._known = known

    async def recognise(self, pcm: bytes, language: str) -> str | None:
        heard = np.frombuffer(pcm, "<i2").astype(np.float64)
        texts = []
        for text, (sound, spoken) in self._known.items():
            probe = sound[: RATE // 10].astype(np.float64)
            likeness = np.correlate(heard, probe).max() / (probe @ probe) if len(heard) > len(probe) else 0.0
            if likeness > 0.9 and spoken == language:
                texts.append(text)
        return " ".join(texts) or None


EAR = Ear({"buenos días": (MORNING_ES, "es"), "thank you": (THANKS_EN, "en")})


def said(number: int, turn: Turn, words: Samples, group: int, at_s: float) -> SpokenTurn:
    return SpokenTurn(number, turn, words, 0.0, group, {"Ana": round(at_s * RATE), "Luis": round(at_s * RATE)})


def at(seconds: float, sound: Samples) -> Samples:
    return joined(silence(seconds), sound)


FIRST = Turn(ANA, "Good morning.", {"es": "Buenos días."})
SECOND = Turn(LUIS, "Gracias.", {"en": "Thank you."})
POLITE = [said(1, FIRST, MORNING, 0, 1.0), said(2, SECOND, THANKS, 1, 5.0)]


async def judge(meeting: list[SpokenTurn], ana: Samples, luis: Samples) -> list[TurnResult]:
    recordings = {"Ana": joined(ana, silence(1)), "Luis": joined(luis, silence(1))}
    return await verdict.judge(meeting, BOTH, recordings, [SPOKEN] * len(meeting), EAR.recognise)


async def test_delay_is_from_the_last_sound_of_the_speaker_to_the_first_of_the_interpretation() -> None:
    interpreted = mixed(at(2.7, MORNING_ES), at(6.5, THANKS_EN))  # everybody hears both
    first, second = await judge(POLITE, mixed(interpreted, at(5.1, THANKS)), mixed(interpreted, at(1.1, MORNING)))
    (luis,), (ana,) = first.heard, second.heard
    assert (luis.listener, luis.text, luis.delay_ms) == ("Luis", "buenos días", 600)
    assert (luis.starts_s, luis.ends_s) == (2.7, 3.9)
    assert (ana.listener, ana.text, ana.delay_ms) == ("Ana", "thank you", 600)
    assert first.interpreted and second.interpreted
    assert (first.source, first.targets, second.targets) == ("en-US", ("es-ES",), ("en-US",))


async def test_two_speakers_at_once_are_separated() -> None:
    """Luis cuts in; his words lie over Ana's interpretation in Ana's ears, and his own interpretation comes second."""
    both = [
        said(1, FIRST, MORNING, 0, 1.0),
        said(2, Turn(LUIS, "", {"en": "Thank you."}, cuts_in_ms=900), THANKS, 0, 1.0),
    ]
    interpreted = mixed(at(2.2, MORNING_ES), at(3.6, THANKS_EN))
    first, second = await judge(both, mixed(interpreted, at(1.9, THANKS)), mixed(interpreted, at(1.0, MORNING)))
    assert first.interpreted and second.interpreted
    assert first.overlapping and second.overlapping
    assert first.heard[0].delay_ms == 200  # Ana's words ended at 2.0
    assert second.heard[0].delay_ms == 900  # Luis's at 2.7


async def test_an_interpretation_nobody_heard_is_missing_whatever_the_ledger_says() -> None:
    first, second = await judge(POLITE, mixed(at(6.5, THANKS_EN), at(5.1, THANKS)), at(1.1, MORNING))
    assert first.problems == ["Luis heard no interpretation"]
    assert second.interpreted


async def test_words_that_do_not_arrive_are_not_blamed_on_the_interpreter() -> None:
    first, _ = await judge(POLITE, silence(8), silence(8))
    assert first.problems == ["Ana's words did not reach Luis"]


async def test_anything_said_besides_counts_against_an_interpretation() -> None:
    """An assistant that answers the question after translating it."""
    chatty = Ear({"buenos días": (MORNING_ES, "es"), "en qué puedo ayudarle": (THANKS_EN, "es")})
    luis = joined(mixed(at(1.1, MORNING), at(2.7, MORNING_ES), at(4.2, THANKS_EN)), silence(1))
    recordings = {"Ana": silence(7), "Luis": luis}
    (first,) = await verdict.judge(POLITE[:1], BOTH, recordings, [SPOKEN], chatty.recognise)
    assert first.problems == ["Luis heard “buenos días en qué puedo ayudarle” instead (0 of 2 words)"]


def test_a_margin_never_reaches_into_the_next_sound() -> None:
    sounds = [Span(0, 10_000), Span(12_000, 20_000), Span(40_000, 50_000)]
    assert verdict.with_margin(sounds[1], sounds) == slice(10_000, 20_000 + verdict.MARGIN)
    assert verdict.with_margin(sounds[0], sounds) == slice(0, 12_000)
    assert verdict.with_margin(Span(12_000, 50_000), sounds) == slice(10_000, 50_000 + verdict.MARGIN)


async def test_a_late_interpretation_of_what_was_before_is_not_taken_for_this_one() -> None:
    luis = joined(mixed(at(1.1, MORNING), at(1.3, THANKS_EN), at(2.7, MORNING_ES)), silence(1))
    recordings = {"Ana": silence(7), "Luis": luis}
    (first,) = await verdict.judge(POLITE[:1], BOTH, recordings, [SPOKEN], EAR.recognise)
    assert first.interpreted
    assert first.heard[0].delay_ms == 600


async def test_for_a_recording_the_interpreters_own_caption_is_what_should_be_heard() -> None:
    own = [said(1, Turn(ANA, None), MORNING, 0, 1.0)]
    recordings = {"Ana": silence(5), "Luis": joined(mixed(at(1.1, MORNING), at(2.7, MORNING_ES)), silence(1))}
    ledger = [[LedgerEntry("u", "spoken", "es-ES", recognised="good morning", translated="Buenos días.")]]
    (first,) = await verdict.judge(own, BOTH, recordings, ledger, EAR.recognise)
    assert first.expected == {"es-ES": "Buenos días."}
    assert first.interpreted


async def test_an_apology_is_no_interpretation() -> None:
    own = [said(1, Turn(ANA, None), MORNING, 0, 1.0)]
    recordings = {"Ana": silence(5), "Luis": joined(mixed(at(1.1, MORNING), at(2.7, MORNING_ES)), silence(1))}
    ledger = [[LedgerEntry("u", "spoken", "es-ES", translated="Buenos días.")]]
    apologies = frozenset({"buenos días"})
    (first,) = await verdict.judge(own, BOTH, recordings, ledger, EAR.recognise, apologies)
    assert first.problems == ["the interpreter only said “Buenos días.”"]


# --- a room per language -----------------------------------------------------------------------------

JONAS = Person("Jonas", "de-DE")
EVA = Person("Eva", "en-US", hears="es-ES")  # sits with Luis
APART = MeetingPlan([ANA, LUIS, EVA], "sister")
ALL_SPOKEN = (LedgerEntry("u", "spoken", "es-ES"),)


async def apart(speaker: Person, ana: Samples, luis: Samples, eva: Samples) -> TurnResult:
    turn = Turn(speaker, "Good morning.", {"es": "Buenos días."})
    positions = dict.fromkeys(("Ana", "Luis", "Eva"), RATE)
    recordings = {"Ana": joined(ana, silence(1)), "Luis": joined(luis, silence(1)), "Eva": joined(eva, silence(1))}
    one = SpokenTurn(1, turn, MORNING, 0.0, 0, positions)
    (result,) = await verdict.judge([one], APART, recordings, [ALL_SPOKEN], EAR.recognise)
    return result


async def test_in_another_room_only_the_interpretation_is_to_be_heard() -> None:
    spanish = at(2.7, MORNING_ES)
    result = await apart(ANA, silence(3), spanish, spanish)
    assert result.problems == []
    assert [(one.listener, one.wanted, one.found) for one in result.originals] == [
        ("Luis", False, False),
        ("Eva", False, False),
    ]
    assert all(one.level_db < -35 for one in result.originals)
    # By the clock of the recording: spoken from 1.0 s to 2.0 s.
    assert [(one.listener, one.delay_ms, one.queued) for one in result.heard] == [
        ("Luis", 700, False),
        ("Eva", 700, False),
    ]


async def test_a_voice_that_leaks_into_another_room_is_told() -> None:
    spanish = at(2.7, MORNING_ES)
    result = await apart(ANA, silence(3), mixed(spanish, at(1.1, (MORNING // 4).astype(np.int16))), spanish)
    assert len(result.problems) >= 1
    assert result.problems[0] == "Luis heard Ana's own voice (-12 dB)"


async def test_a_voice_is_passed_to_the_room_of_its_language_and_heard_where_it_sits() -> None:
    spanish = mixed(at(1.1, MORNING), at(2.7, MORNING_ES))
    passed = await apart(EVA, at(1.4, MORNING), spanish, silence(3))
    assert passed.problems == []
    assert [(one.listener, one.wanted, one.found) for one in passed.originals] == [
        ("Ana", True, True),
        ("Luis", True, True),
    ]
    lost = await apart(EVA, silence(3), spanish, silence(3))
    assert lost.problems == ["Eva's words did not reach Ana"]


@pytest.mark.parametrize("silence_ms", [300, 110, 70])  # on a busy machine they are played close together
async def test_with_several_languages_in_one_room_each_is_assigned_correctly(silence_ms: int) -> None:
    ear = Ear({"buenos días": (MORNING_ES, "es"), "guten morgen": (THANKS_EN, "de")})
    plan = MeetingPlan([ANA, LUIS, JONAS])
    turn = Turn(ANA, "Good morning.", {"es": "Buenos días.", "de": "Guten Morgen."})
    everything = joined(
        mixed(at(1.1, MORNING), at(2.7, MORNING_ES), at(3.9 + silence_ms / 1000, THANKS_EN)), silence(1)
    )
    recordings = {"Ana": silence(6), "Luis": everything, "Jonas": everything}
    one = SpokenTurn(1, turn, MORNING, 0.0, 0, dict.fromkeys(recordings, RATE))
    ledger = [[LedgerEntry("u", "spoken", "es-ES"), LedgerEntry("u", "spoken", "de-DE")]]
    (result,) = await verdict.judge([one], plan, recordings, ledger, ear.recognise)
    assert result.problems == []
    assert [(heard.listener, heard.text, heard.delay_ms, heard.queued) for heard in result.heard] == [
        ("Luis", "buenos días", 600, False),
        ("Jonas", "guten morgen", 1800 + silence_ms, True),
    ]
    assert result.delay_ms == 600
