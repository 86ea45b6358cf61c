"""Engines that say anything, in any order, in pieces of any length: a room goes on, and its books are in order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.interpreting.effects import Opened, Settled
from bot.interpreting.events import (
    BoothDegraded,
    BoothEvent,
    BoothLost,
    BoothReady,
    BoothUsed,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    MeetingEnded,
    SourceDelta,
    SourceText,
    Usage,
)
from bot.interpreting.plan import Lane, Layout, Mode, RoomPlan
from tests.support.audio import FRAME_BYTES
from tests.support.meeting import ADA, ADA_INTO_SPANISH, BENITO, CHLOE, PEOPLE, Meeting, silent_model

THREE = ("en-US", "es-ES", "fr-FR")
PLANS = (
    RoomPlan(THREE, PEOPLE),
    RoomPlan(THREE, PEOPLE, mode=Mode.SIMULTANEOUS),
    RoomPlan(THREE, PEOPLE, layout=Layout.CHANNELS, pivot="en-US"),
    RoomPlan(THREE, PEOPLE, layout=Layout.SISTER, barge_in_stops=True),
)
LANES = [
    *(Lane(who, PEOPLE[who].speaks, tag) for who in (ADA, BENITO) for tag in THREE if tag != PEOPLE[who].speaks),
    Lane(CHLOE, "auto", "es-ES"),
]
LOUD = b"\x01\x00\x40\x1f" * 24_000
"""2 s."""

sizes = st.sampled_from([0, 1, 2, 479, 480, 481, 958, 959, 960, 961, 1_920, 9_601, 96_000])
reasons = st.sampled_from(["", "server_error", "quota", "rate_limit_exceeded", "endless"])
texts = st.sampled_from(["", " ", "Hola", "I'm sorry, I can't.", "¿Qué?", "\x00", "٣", "25,000 \U0001f600"])
lanes = st.just(ADA_INTO_SPANISH) | st.sampled_from(LANES)
utterances = st.just("u-1") | st.sampled_from(["u-1", "u-2", "u-3", "", "nobody's"])
failed = st.just((InterpretationOutcome.FAILED, "server_error"))
counts = st.sampled_from([0, 1, -5, 10**30])
events = st.one_of(
    st.builds(InterpretationAudio, lanes, utterances, sizes.map(lambda size: LOUD[:size])),
    st.builds(InterpretationAudio, lanes, utterances, sizes.map(bytes)),
    st.builds(InterpretationText, lanes, utterances, texts),
    st.builds(
        lambda lane, utterance, end, usage: InterpretationEnded(lane, utterance, end[0], end[1], usage),
        lanes,
        utterances,
        failed | st.tuples(st.sampled_from(InterpretationOutcome), reasons),
        st.builds(Usage, counts, counts, counts, counts, counts),
    ),
    st.builds(SourceDelta, lanes, utterances, texts),
    st.builds(SourceText, lanes, utterances, st.none() | texts),
    st.builds(BoothUsed, lanes, st.builds(Usage, translation_ms=counts, transcription_ms=counts)),
    st.builds(BoothLost, lanes, reasons, st.lists(utterances, max_size=3).map(tuple), st.booleans()),
    st.builds(BoothDegraded, lanes, st.sampled_from(["captions", "conversation", "nonsense"]), reasons),
    st.builds(BoothReady, lanes, st.sampled_from(["", "conversation"])),
    st.builds(HearingDropped, lanes, utterances, reasons),
)
steps = st.lists(st.tuples(st.sampled_from([0, 5, 20, 100, 400, 3_000]), events), min_size=2, max_size=20)


def room(plan: RoomPlan) -> Meeting:
    """u-1 and u-2 are with the model, u-3 is being said."""
    meeting = Meeting(plan, silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.says(BENITO, at=0.1, seconds=1.0)
    meeting.says(ADA, at=1.9, seconds=1.0)
    meeting.run(until=2.4)
    return meeting


def in_order(meeting: Meeting) -> None:
    """The meeting is over, everything opened is settled once, and every byte of voice is accounted for."""
    meeting.run(until=meeting.now + 30)
    meeting.handle(MeetingEnded("call_ended"))
    opened = [(effect.lane, effect.utterance) for effect in meeting.effects(Opened)]
    settled = [(effect.entry.lane, effect.entry.utterance) for effect in meeting.effects(Settled)]
    assert sorted(map(str, opened)) == sorted(map(str, settled))
    assert len(set(settled)) == len(settled)
    for entry in meeting.settled():
        for playout in entry.playouts.values():
            assert 0 <= playout.played + playout.trimmed + playout.dropped - entry.received < FRAME_BYTES


@given(st.sampled_from(PLANS), steps)
@settings(max_examples=40)
def test_no_sequence_of_model_events_ends_a_room(plan: RoomPlan, said: list[tuple[int, BoothEvent]]) -> None:
    meeting = room(plan)
    for later_ms, event in said:
        meeting.run(until=round(meeting.now + later_ms / 1000, 3))
        meeting.handle(event)
    in_order(meeting)


@pytest.mark.parametrize("size", [480, 958])
def test_a_passing_failure_after_less_than_a_frame_is_asked_again(size: int) -> None:
    """In either order of the frame that makes it whole and of what went wrong."""
    lane, outcome = ADA_INTO_SPANISH, InterpretationOutcome
    meeting = room(PLANS[0])
    meeting.handle(InterpretationAudio(lane, "u-1", LOUD[:size]))
    meeting.handle(InterpretationEnded(lane, "u-1", outcome.FAILED, "server_error"))
    meeting.handle(InterpretationText(lane, "u-1", "Hola"))
    meeting.handle(InterpretationAudio(lane, "u-1", LOUD[:size]))
    assert meeting.played() == []
    meeting.handle(InterpretationEnded(lane, "u-1", outcome.COMPLETED))
    in_order(meeting)
    assert meeting.ends()["u-1", "es-ES"] == ("spoken", "")
