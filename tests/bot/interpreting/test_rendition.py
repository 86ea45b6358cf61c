"""One rendition says what is to be waited for; those that are open are found by utterance and lane."""

from __future__ import annotations

from bot.interpreting.captions import Utterance
from bot.interpreting.effects import Interpret, Translate
from bot.interpreting.ledger import Entry, EntryKind, EntryState
from bot.interpreting.plan import Lane
from bot.interpreting.playout.floor import FloorEntry, FloorStage
from bot.interpreting.rendition import MODEL_PATIENCE_S, MODEL_SHARE_S, STALE_S, OpenRenditions, Rendition

LANE, RELAYED = Lane("8:acs:ada", "en-US", "es-ES"), Lane("8:acs:ada", "es-ES", "fr-FR")


def rendition(lane: Lane = LANE, utterance: str = "u-1", via: Lane | None = None) -> Rendition:
    spoken = Utterance(utterance, lane.speaker, "Ada", lane.source, 0.0)
    entry = Entry(utterance, lane, EntryState.HEARD, 0.0)
    return Rendition(entry, spoken, ("floor",), via=via)


def on_the_floor(one: Rendition) -> FloorEntry:
    passage = FloorEntry(one.entry, 0.0, "floor")
    one.passages.append(passage)
    return passage


def test_it_has_begun_once_some_of_it_was_heard() -> None:
    one, other = rendition(), rendition()
    assert not one.begun
    one.heard = True
    other.entry.first_played_at = 3.0
    assert one.begun and other.begun


def test_it_is_due_with_a_place_on_a_floor_or_after_the_speakers_last_word() -> None:
    one, other = rendition(), rendition()
    assert not one.expected_to_be_heard and not one.sounding
    passage = on_the_floor(one)
    other.spoken.ended_at = 2.0
    assert one.expected_to_be_heard and other.expected_to_be_heard and not one.sounding
    passage.stage = FloorStage.SPEAKING
    assert one.sounding


def test_its_loss_is_not_noticed_before_it_is_heard_or_complete() -> None:
    one, leg = rendition(), rendition(RELAYED, via=LANE)
    assert one.droppable and not leg.droppable
    one.heard = True
    assert not one.droppable
    one.heard, one.complete = False, True
    assert not one.droppable


def test_its_sound_is_due_soon_after_the_last_word_and_the_model_has_its_time() -> None:
    one = rendition()
    one.entry.ended_at, one.entry.committed_at = 2.0, 2.5
    assert one.sound_due_at == max(2.0 + STALE_S, 2.5 + MODEL_SHARE_S)
    one.entry.committed_at = 4.0
    assert one.sound_due_at == 4.0 + MODEL_SHARE_S
    one.spoken.age_s = 1.0
    assert one.sound_due_at == 3.0 + MODEL_SHARE_S


def test_it_is_held_back_for_the_longest_of_its_reasons() -> None:
    one = rendition()
    passage = on_the_floor(one)
    one.heard_out_until, one.unknown_until, one.doubted_until = 1.0, 3.0, 2.0
    one.hold()
    assert passage.held_until == 3.0


def test_the_model_is_waited_for_from_the_request_to_its_last_word() -> None:
    one = rendition()
    assert one.model_due_at is None
    one.entry.committed_at = 2.0
    assert one.model_due_at == 2.0 + MODEL_PATIENCE_S
    one.last_sign_at = 5.0
    assert one.model_due_at == 5.0 + MODEL_PATIENCE_S
    one.complete = True
    assert one.model_due_at is None


def test_those_that_are_open_are_found_until_they_are_removed() -> None:
    opened, one, leg, later = OpenRenditions(), rendition(), rendition(RELAYED, via=LANE), rendition(utterance="u-2")
    for each in (one, leg, later):
        opened.add(each)
    assert "u-1" in opened and opened.has(one) and not opened.has(rendition())
    assert (opened.of("u-1"), opened.all()) == ([one, leg], [one, leg, later])
    assert opened.owner(on_the_floor(leg)) is leg
    assert opened.legs(one) == [leg]
    assert opened.interpreted("u-1") == [leg, one] and opened.interpreted("u-3") == []
    leg.entry.committed_at = 1.0
    assert opened.legs(one) == []
    opened.remove(one)
    assert opened.find(LANE, "u-1") is None and opened.find(RELAYED, "u-1") is leg
    opened.remove(leg)
    assert "u-1" not in opened and opened.of("u-1") == []


def test_a_booth_is_expected_to_speak_from_when_it_may_to_its_last_word() -> None:
    opened, one = OpenRenditions(), rendition()
    opened.add(one)
    assert opened.expected(LANE, "u-1") is None and opened.expected(LANE, "u-2") is None
    one.asked = True
    assert opened.expected(LANE, "u-1") is one
    one.complete = True
    assert opened.expected(LANE, "u-1") is None
    one.complete, one.entry.kind = False, EntryKind.PASSTHROUGH
    assert opened.expected(LANE, "u-1") is None


def test_a_booth_is_asked_for_what_was_said_or_typed() -> None:
    said, typed = rendition(), rendition(Lane("8:acs:ada", "en-US", "es-ES", typed=True))
    assert said.request(condensed=True) == Interpret(LANE, "u-1", condensed=True)
    typed.spoken.source_text, typed.entry.strict = "Hello", True
    assert typed.request(condensed=False) == Translate(typed.lane, "u-1", "Hello", strict=True)
    typed.spoken.source_text = None
    assert typed.request(condensed=False) == Translate(typed.lane, "u-1", "", strict=True)


def test_what_is_typed_and_only_read_is_not_expected_to_be_heard() -> None:
    typed = rendition(Lane("8:acs:ada", "en-US", "es-ES", typed=True))
    typed.spoken.ended_at = 0.0
    assert not typed.expected_to_be_heard
    on_the_floor(typed)
    assert typed.expected_to_be_heard
