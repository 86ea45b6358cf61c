"""Ten minutes of a meeting in four languages: a short form of the four hours, with sessions that end sooner."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from emulator.virtual_time import VirtualTimeLoop
from tests.support.four_hours import EVERY_S, OVERLAP_EVERY, hold
from tests.support.meeting import FOUR_LANGUAGES

MINUTES = 10
SESSION_S = 480.0
"""Sessions are renewed once or twice in ten minutes."""


@pytest.mark.timeout(120)
def test_every_utterance_is_interpreted_once_while_sessions_succeed_one_another() -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        meeting = runner.run(hold(7, MINUTES / 60, SESSION_S))
    targets = len(FOUR_LANGUAGES.languages) - 1
    assert meeting.said == MINUTES * 60 / EVERY_S * (1 + 1 / OVERLAP_EVERY)
    ends = Counter((one.utterance, one.target) for one in meeting.settled)
    assert len(ends) == meeting.opened == meeting.said * targets
    assert set(ends.values()) == {1}
    states = Counter((one.state, one.reason) for one in meeting.settled)
    assert set(states) <= {("spoken", ""), ("caption_only", "queue_full")}
    assert states["caption_only", "queue_full"] < 0.15 * states.total()
    assert meeting.lost == []
    assert len(meeting.sessions) == 6 * targets
    assert min(meeting.sessions.values()) >= 2
    assert meeting.most_items == 1
