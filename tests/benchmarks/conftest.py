from __future__ import annotations

import pytest

from bot.realtime import response_turn


@pytest.fixture(autouse=True)
def bound_of_endless_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put this bound back after each test: a hot path lifts it for its process."""
    monkeypatch.setattr(response_turn, "ENDLESS_EXTRA_MS", response_turn.ENDLESS_EXTRA_MS)
