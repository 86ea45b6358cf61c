from __future__ import annotations

from dataclasses import replace

from bot.interpreting.ledger import Entry, EntryState
from bot.interpreting.plan import Lane
from bot.telemetry.spans import printed, spans, stages, trace_id
from tests.support.meeting import ADA, Meeting

LANE = Lane(ADA, "en-US", "es-ES")
SPOKEN = Entry(
    utterance="u-1",
    lane=LANE,
    state=EntryState.SPOKEN,
    began_at=10.0,
    ended_at=12.0,
    committed_at=12.503,
    first_audio_at=13.303,
    first_played_at=14.505,
    last_played_at=16.485,
    patience_ms=500,
    waited_ms=1200.0,
    faults=("number",),
)
"""2 s of speech, 500 ms of pause, 800 ms of model, 1.2 s of waiting for the floor, 2 s heard."""


def test_stages_add_up_to_the_way_of_the_utterance() -> None:
    took = [(stage.name, round(stage.ended_at - stage.began_at, 3)) for stage in stages(SPOKEN)]
    assert took == [
        ("endpointing", 0.5),
        ("commit", 0.003),
        ("first_delta", 0.8),
        ("first_frame", 1.202),
        ("last_frame", 1.98),
    ]


def test_a_stage_that_was_not_reached_is_left_out() -> None:
    read = replace(SPOKEN, first_audio_at=None, first_played_at=None, last_played_at=None)
    assert [stage.name for stage in stages(read)] == ["endpointing", "commit"]
    assert list(stages(Entry("u-2", LANE, EntryState.ABANDONED, 1.0))) == []
    held = replace(SPOKEN, first_played_at=None, last_played_at=None)
    assert [stage.name for stage in stages(held)] == ["endpointing", "commit", "first_delta"]


def test_a_simultaneous_interpretation_is_requested_before_it_ends() -> None:
    early = replace(SPOKEN, first_audio_at=11.0, first_played_at=11.1)
    assert [stage.name for stage in stages(early)] == ["endpointing", "commit", "first_frame", "last_frame"]


def test_a_limit_ends_a_turn_before_its_pause() -> None:
    """Of a turn that its longest duration ends, the last word may come after the request."""
    cut = replace(SPOKEN, committed_at=11.9)
    assert [stage.name for stage in stages(cut)] == ["first_delta", "first_frame", "last_frame"]


def test_a_trace_has_a_span_for_each_stage() -> None:
    root, *children = spans(SPOKEN, {"room.id": "room-1", "acs.correlation_id": "c-1"})
    assert (root.name, root.parent_id, root.began_at, root.ended_at, root.failed) == (
        "utterance",
        "",
        10.0,
        16.485,
        False,
    )
    assert [child.name for child in children] == ["endpointing", "commit", "first_delta", "first_frame", "last_frame"]
    assert {child.parent_id for child in children} == {root.span_id}
    assert {one.trace_id for one in (root, *children)} == {trace_id("u-1")}
    assert len({one.span_id for one in (root, *children)}) == 6
    assert all(root.began_at <= child.began_at <= child.ended_at <= root.ended_at for child in children)
    assert root.attributes["room.id"] == "room-1"
    assert root.attributes["acs.correlation_id"] == "c-1"
    assert (root.attributes["lane.target"], root.attributes["faults"]) == ("es-ES", "number")


def test_lanes_of_an_utterance_share_its_trace_and_no_span() -> None:
    (spanish, *_), (french, *_) = spans(SPOKEN, {}), spans(replace(SPOKEN, lane=replace(LANE, target="fr-FR")), {})
    assert spanish.trace_id == french.trace_id
    assert spanish.span_id != french.span_id


def test_an_abandoned_utterance_has_failed_and_says_why() -> None:
    (root,) = spans(Entry("u-2", LANE, EntryState.ABANDONED, 1.0, "no_answer"), {})
    assert (root.failed, root.began_at, root.ended_at) == (True, 1.0, 1.0)
    assert root.attributes["utterance.reason"] == "no_answer"


def test_a_phone_number_is_shortened() -> None:
    (root,) = spans(Entry("u-3", Lane("4:+4915112345678", "de-DE", "en-US"), EntryState.ABANDONED, 1.0), {})
    assert root.attributes["lane.speaker"] == "4:+*78"


def test_no_span_holds_words() -> None:
    meeting = Meeting()
    meeting.says(ADA, 1.0, 2.0)
    meeting.run()
    (entry,) = meeting.settled()
    text = printed(list(spans(entry, {})))
    assert "last_frame" in text
    assert not [word for word in ("Hello", "Hola") if word in text]
