"""Turn-taking of the demo: overlapping turns, and when a turn counts as interpreted."""

from __future__ import annotations

import time
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from demo import meeting, script
from demo.layouts import MeetingPlan
from demo.meeting import LostParticipant, TranscriptFollower
from demo.progress import Progress
from demo.rest_client import Rest
from demo.script import Person, Turn
from emulator.client import Participant
from tests.support.demo import line, passage

ANA = Person("Ana", "en-US")


def follower_on_paper() -> tuple[TranscriptFollower, StringIO]:
    written = StringIO()
    progress = Progress(Console(file=written, width=100))
    return TranscriptFollower(cast(Rest, None), "room", progress), written


def document(*items: dict[str, Any], passages: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"items": list(items), "passages": list(passages)}


def test_turns_that_cut_in_are_with_the_one_before() -> None:
    polite, rude = Turn(ANA, "a"), Turn(ANA, "b", cuts_in_ms=100)
    assert meeting.groups([polite, polite, rude, rude, polite]) == [[0], [1, 2, 3], [4]]
    assert meeting.groups([rude]) == [[0]]
    assert meeting.groups([]) == []


def test_each_line_is_shown_once_and_only_when_final() -> None:
    follower, written = follower_on_paper()
    original = line("u-1", "en-US", "Good morning.", is_original=True)
    follower.take(document(original, line("u-1", "es-ES", "Buenos", is_final=False)))
    follower.take(document(original, line("u-1", "es-ES", "Buenos días.")))
    lines = written.getvalue().splitlines()
    assert len(lines) == 2
    assert "recognised" in lines[0] and "Good morning." in lines[0]
    assert "into es-ES" in lines[1] and "Buenos días." in lines[1]


def test_a_turn_is_pending_until_every_utterance_of_it_is_closed() -> None:
    follower, _ = follower_on_paper()
    assert follower.pending("8:acs:ana", frozenset(), 1)
    first = line("u-1", "en-US", "Good", is_original=True)
    second = line("u-2", "en-US", "morning", is_original=True)
    follower.take(document(first, second, passages=(passage("u-1"),)))
    assert follower.pending("8:acs:ana", frozenset(), 1)
    follower.take(document(first, second, passages=(passage("u-1"), passage("u-2", state="abandoned"))))
    assert not follower.pending("8:acs:ana", frozenset(), 1)


def test_a_turn_is_pending_until_it_is_there_in_every_language() -> None:
    follower, _ = follower_on_paper()
    original = line("u-1", "en-US", "Good morning.", is_original=True)
    follower.take(document(original, passages=(passage("u-1"),)))
    assert follower.pending("8:acs:ana", frozenset(), 2)
    follower.take(document(original, passages=(passage("u-1"), passage("u-1", target="de-DE"))))
    assert not follower.pending("8:acs:ana", frozenset(), 2)


def test_a_turn_whose_speaker_went_on_is_pending_until_all_of_it_is_there() -> None:
    follower, _ = follower_on_paper()
    first = passage("u-1", state="not_needed", reason="goes_on")
    follower.take(document(passages=(first,)))
    assert follower.pending("8:acs:ana", frozenset(), 1)
    follower.take(document(passages=(first, passage("u-2"))))
    assert not follower.pending("8:acs:ana", frozenset(), 1)


def test_what_was_closed_before_the_turn_does_not_count_for_it() -> None:
    follower, _ = follower_on_paper()
    follower.take(document(passages=(passage("u-1"),)))
    assert follower.pending("8:acs:ana", frozenset(follower.closed_ms), 1)
    assert follower.pending("8:acs:luis", frozenset(), 1)


class FakeParticipant:
    """A participant whose room sends nothing, or whose connection has closed."""

    def __init__(self, *, silent_s: float = 0.0, closed: bool = False) -> None:
        self.heard_at = [time.monotonic() - silent_s]
        self.closed = closed
        self.close_reason = "replaced"


@pytest.mark.parametrize(
    ("participant", "reason"),
    [
        (FakeParticipant(closed=True), "Ana is no longer in the room: replaced"),
        (FakeParticipant(silent_s=60.0), "Ana has received no audio for 5 s"),
    ],
)
def test_a_meeting_does_not_go_on_without_somebody(participant: FakeParticipant, reason: str) -> None:
    with pytest.raises(LostParticipant, match=reason):
        meeting.check_connected({"Ana": cast(Participant, participant)})
    meeting.check_connected({"Ana": cast(Participant, FakeParticipant(silent_s=1.0))})


def test_the_script_has_what_a_meeting_shows() -> None:
    """All directions, an overlap, a question, an instruction, a person who hears another language than they speak, and
    the expected text of every interpretation."""
    turns, plan = script.MEETING, MeetingPlan(script.PEOPLE)
    assert len(turns) >= 8
    directions = {(turn.speaker.primary, script.primary(tag)) for turn in turns for tag in plan.targets(turn.speaker)}
    assert directions == {(one, other) for one in ("en", "es", "de") for other in ("en", "es", "de") if one != other}
    for turn in turns:
        assert turn.says and set(turn.means) == {script.primary(tag) for tag in plan.targets(turn.speaker)}
    assert sum(turn.cuts_in_ms is not None for turn in turns) == 1
    assert [turn.why for turn in turns if "question" in turn.why]
    assert [turn.why for turn in turns if "instruction" in turn.why]
    assert len({one.voice for one in script.PEOPLE}) == len(script.PEOPLE)
