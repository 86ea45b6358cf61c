"""Short commits over a real conversation protocol and a service in memory."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.interpreting.events import (
    BoothEvent,
    BoothReady,
    BoothUsed,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    SourceDelta,
    SourceText,
)
from bot.interpreting.plan import Lane
from bot.realtime.conversation_messages import ConversationSettings
from bot.realtime.conversation_session import ConversationSession
from bot.realtime.segmented_session import KEPT_UTTERANCES, LONGEST_PART_BYTES, SHORTEST_PART_BYTES, SegmentedSession
from tests.support.audio import numbered, soft
from tests.support.realtime_service import ServiceModel

LANE = Lane("8:acs:1", "en-US", "es-ES")
SPEECH = struct.pack("<h", 3_000) * 2_400
"""100 ms."""
QUIET = bytes(4_800)


class Talk:
    def __init__(self, transcribe: str | None = None) -> None:
        inner = ConversationSession(LANE, "Interpret.", ConversationSettings(transcribe=transcribe))
        self.session = SegmentedSession(LANE, inner)
        self.service = ServiceModel()
        self.events: list[BoothEvent] = []
        self.exchange()
        assert self.events == [BoothReady(LANE, "conversation")]
        assert self.session.ready
        self.events.clear()

    def exchange(self) -> None:
        while True:
            outgoing = self.session.data_to_send()
            for text in outgoing:
                self.service.receive(text)
            incoming = self.service.messages()
            for text in incoming:
                self.events += self.session.receive(text, 0.0)
            if not outgoing and not incoming:
                return

    def hear(self, utterance: str, *pieces: bytes) -> None:
        for piece in pieces:
            self.session.hear(utterance, piece, 0.0)
        self.exchange()

    def end(self, utterance: str, **manner: Any) -> None:
        self.events += self.session.interpret(utterance, 0.0, **manner)
        self.exchange()

    def finish(self, order: int = 0) -> None:
        while self.service.step(order):
            self.exchange()

    @property
    def parts(self) -> list[int]:
        """Milliseconds of each commit."""
        return [len(pcm) // 48 for pcm in self.service.committed]

    def text(self, utterance: str) -> str:
        said = [e.delta for e in self.events if isinstance(e, InterpretationText) and e.utterance == utterance]
        return "".join(said)

    def ends(self) -> list[InterpretationEnded]:
        return [event for event in self.events if isinstance(event, InterpretationEnded)]


def test_a_long_utterance_is_cut_where_it_is_quiet_or_gets_too_long() -> None:
    talk = Talk()
    talk.hear("u-1", *[SPEECH] * 10, QUIET, *[SPEECH] * 15, QUIET, *[SPEECH] * 60)
    talk.end("u-1")
    assert talk.parts == [2_600, 4_000, 2_100]  # not at the first quiet moment: too early
    assert b"".join(talk.service.committed) == SPEECH * 10 + QUIET + SPEECH * 15 + QUIET + SPEECH * 60


def test_the_pace_reaches_every_part() -> None:
    talk = Talk()
    talk.session.pace(speed=1.2, condensed=True)
    talk.hear("u-1", *[SPEECH] * 41)
    talk.finish()
    assert talk.service.session["audio"]["output"]["speed"] == 1.2
    talk.session.pace(speed=1.05, condensed=False)
    talk.hear("u-1", *[SPEECH] * 41)
    talk.finish()
    assert talk.service.session["audio"]["output"]["speed"] == 1.05
    talk.end("u-1", speed=1.1, condensed=True)
    talk.finish()
    assert talk.service.session["audio"]["output"]["speed"] == 1.1
    condensed = [
        "few words" in create["response"]["instructions"] for create in talk.service.of_type("response.create")
    ]
    assert condensed == [True, False, True]


def test_a_long_utterance_is_cut_between_words_that_follow_each_other_closely() -> None:
    word = [numbered(1)] * 25 + [soft(2)] * 3  # 500 ms, and 60 ms much softer
    talk = Talk()
    talk.hear("u-1", *word * 8)
    talk.end("u-1")
    assert talk.parts == [2_240, 2_240]
    assert b"".join(talk.service.committed) == b"".join(word * 8)


def test_a_short_utterance_is_one_part() -> None:
    talk = Talk()
    talk.hear("u-1", *[SPEECH] * 19)
    talk.end("u-1")
    talk.finish()
    assert talk.parts == [1_900]
    assert [(end.utterance, end.outcome) for end in talk.ends()] == [("u-1", InterpretationOutcome.COMPLETED)]
    assert talk.text("u-1") == "u-1~part-1"


def test_parts_are_interpreted_while_the_speaker_goes_on() -> None:
    talk = Talk()
    talk.hear("u-1", *[SPEECH] * 41)
    talk.finish()
    assert [event.utterance for event in talk.events if isinstance(event, InterpretationAudio)] == ["u-1"]
    assert talk.ends() == []
    assert talk.session.unfinished() == ("u-1",)


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_answers_are_given_on_in_the_order_of_the_parts(order: int) -> None:
    talk = Talk(transcribe="asr")
    talk.hear("u-1", *[SPEECH] * 100)
    talk.end("u-1")
    talk.finish(order)
    assert talk.text("u-1") == "u-1~part-1 u-1~part-2 u-1~part-3"
    assert talk.events.count(SourceText(LANE, "u-1", "hello hello hello")) == 1
    (end,) = talk.ends()
    assert (end.outcome, end.usage.input_audio) == (InterpretationOutcome.COMPLETED, 3 * 13)
    assert talk.session.unfinished() == ()


def test_a_rest_too_short_to_be_committed_spoils_nothing() -> None:
    talk = Talk(transcribe="asr")
    talk.hear("u-1", *[SPEECH] * 40, SPEECH[:960])
    talk.end("u-1")
    talk.finish()
    assert [(end.outcome, end.reason) for end in talk.ends()] == [(InterpretationOutcome.COMPLETED, "")]
    assert SourceText(LANE, "u-1", "hello") in talk.events
    talk.hear("u-2", SPEECH[:960])
    talk.end("u-2")
    assert (talk.ends()[-1].outcome, talk.ends()[-1].reason) == (InterpretationOutcome.FAILED, "too_short")


def fail(talk: Talk, part: str) -> None:
    response = {"id": part, "status": "failed", "metadata": {"utterance": part}}
    talk.events += talk.session.receive(json.dumps({"type": "response.done", "response": response}), 0.0)


def test_what_failed_in_part_is_incomplete() -> None:
    talk = Talk()
    talk.hear("u-1", *[SPEECH] * 50)
    talk.end("u-1")
    talk.service.pending = [one for one in talk.service.pending if "part-2" not in str(one)]
    fail(talk, "u-1~part-2")
    talk.finish()
    (end,) = talk.ends()
    assert (end.outcome, end.reason) == (InterpretationOutcome.INCOMPLETE, "failed")
    talk.hear("u-2", *[SPEECH] * 10)
    talk.end("u-2")
    fail(talk, "u-2~part-1")
    assert talk.ends()[-1].outcome is InterpretationOutcome.FAILED


def test_an_utterance_is_interpreted_again_in_all_its_parts() -> None:
    talk = Talk()
    talk.hear("u-1", *[SPEECH] * 50)
    talk.end("u-1")
    talk.finish()
    talk.events.clear()
    assert talk.session.knows("u-1")
    talk.end("u-1", strict=True)
    talk.finish()
    assert talk.text("u-1") == "u-1~part-1 u-1~part-2"
    assert len(talk.ends()) == 1
    talk.session.release("u-1")
    talk.exchange()
    assert talk.service.items == {}
    talk.end("u-1")
    assert (talk.ends()[-1].outcome, talk.ends()[-1].reason) == (InterpretationOutcome.FAILED, "nothing_heard")


def test_a_cancelled_utterance_leaves_nothing_behind() -> None:
    talk = Talk(transcribe="asr")
    talk.hear("u-1", *[SPEECH] * 50)
    talk.session.cancel("u-1")
    talk.session.cancel("u-0")
    talk.exchange()
    talk.finish()
    assert {type(event) for event in talk.events} == {BoothUsed}
    assert talk.service.items == {}
    assert talk.session.unfinished() == ()
    assert not talk.session.knows("u-1")


def test_a_text_is_read_aloud_as_it_is() -> None:
    talk = Talk()
    talk.events += talk.session.say("notice", "Wait.", "es-ES", 0.0)
    talk.exchange()
    assert talk.session.unfinished() == ("notice",)
    talk.finish()
    assert [end.utterance for end in talk.ends()] == ["notice"]


def test_the_rest_is_the_inner_sessions() -> None:
    talk = Talk()
    assert (talk.session.engine, talk.session.append_bytes) == ("conversation", 4_800)
    assert talk.session.expires_at == 4_000_000_000.0
    talk.session.brief("Other terms.")
    assert talk.session.has_data_to_send
    talk.session.retire(0.0)
    assert talk.session.finished
    assert talk.session.deadline is None
    assert talk.session.check(0.0) == []


def test_what_cannot_be_is_refused() -> None:
    talk = Talk()
    with pytest.raises(ValueError, match="not being heard"):
        talk.session.interpret("u-1", 0.0)
    talk.hear("u-1", SPEECH)
    talk.end("u-1")
    with pytest.raises(ValueError, match="complete"):
        talk.session.hear("u-1", SPEECH, 0.0)


def test_utterances_long_over_are_forgotten() -> None:
    talk = Talk()
    for number in range(KEPT_UTTERANCES + 3):
        talk.hear(f"u-{number}", SPEECH)
        talk.end(f"u-{number}")
        talk.finish()
    assert not talk.session.knows("u-0")
    with pytest.raises(ValueError, match="not being heard"):
        talk.session.interpret("u-0", 0.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([SPEECH, QUIET, SPEECH[:960]]), min_size=1, max_size=110), st.data())
def test_nothing_is_lost_and_each_utterance_ends_once(pieces: list[bytes], data: st.DataObject) -> None:
    talk = Talk()
    for piece in pieces:
        talk.hear("u-1", piece)
        if data.draw(st.integers(0, 9)) == 0:
            talk.service.step(data.draw(st.integers(0, 3)))
            talk.exchange()
    talk.end("u-1")
    while talk.service.step(data.draw(st.integers(0, 5))):
        talk.exchange()
    assert len(talk.ends()) == 1
    assert isinstance(talk.events[-1], InterpretationEnded)
    committed = b"".join(talk.service.committed)
    assert b"".join(pieces).startswith(committed)
    assert len(b"".join(pieces)) - len(committed) < 4_800
    assert all(size * 48 <= LONGEST_PART_BYTES + 4_800 for size in talk.parts)
    assert all(size * 48 >= SHORTEST_PART_BYTES for size in talk.parts[:-1])


def test_what_is_heard_grows_part_by_part_in_their_order() -> None:
    talk = Talk(transcribe="asr")
    talk.hear("u-1", *[SPEECH] * 50)
    items = list(talk.service.items)
    talk.events.clear()

    def heard(item: str, delta: str) -> None:
        message = {"type": "conversation.item.input_audio_transcription.delta", "item_id": item, "delta": delta}
        talk.events += talk.session.receive(json.dumps(message), 0.0)

    def transcribed(item: str, text: str) -> None:
        kind = "conversation.item.input_audio_transcription.completed"
        talk.events += talk.session.receive(json.dumps({"type": kind, "item_id": item, "transcript": text}), 0.0)

    heard(items[0], "one")
    talk.end("u-1")
    items = list(talk.service.items)
    assert len(items) == 2
    heard(items[1], "too early")
    transcribed(items[0], "one")
    heard(items[1], "two")
    heard(items[1], " three")
    texts = [event.delta for event in talk.events if isinstance(event, SourceDelta)]
    assert texts == ["one", " two", " three"]


def test_a_typed_text_is_interpreted_as_a_whole() -> None:
    talk = Talk()
    talk.events += talk.session.translate("text-1", "Wait.", 0.0, strict=False, speed=1.0, condensed=False)
    talk.exchange()
    talk.finish()
    assert [end.utterance for end in talk.ends()] == ["text-1"]
