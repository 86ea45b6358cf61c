from __future__ import annotations

import pytest

from bot.realtime import conversation_turns


@pytest.fixture(autouse=True)
def bound_of_endless_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put this bound back after each test: a hot path lifts it for its process."""
    monkeypatch.setattr(conversation_turns, "ENDLESS_EXTRA_MS", conversation_turns.ENDLESS_EXTRA_MS)
