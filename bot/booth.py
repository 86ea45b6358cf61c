"""What any interpreting engine must offer to a room: the one port with more than one implementation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bot.interpreting.events import BoothEvent
from bot.interpreting.plan import Lane

Deliver = Callable[[BoothEvent], None]
"""How a booth reports: called in the event loop, never blocks."""


class Booth(Protocol):
    """One interpreting engine working for one lane, turn by turn.

    `hear`, `interpret` and `cancel` never block and may be called before the engine is ready: audio is held, within
    a bound; what does not fit is reported with `HearingDropped`, never silently lost.
    """

    def hear(self, utterance: str, pcm: bytes) -> None:
        """Take the next piece of an utterance: PCM16 mono 24 kHz, any even length."""
        ...

    def interpret(self, utterance: str) -> None:
        """The utterance is complete: interpret what was heard of it."""
        ...

    def cancel(self, utterance: str) -> None:
        """Forget the utterance, in whatever state it is; no further event about it is delivered."""
        ...

    async def run(self) -> None:
        """Work until cancelled: connect, configure, report; connect anew when the session is lost.

        Returns after a final `BoothLost` when the engine can never serve this lane. Safe to cancel at any point;
        a cancelled booth holds no socket and no task.
        """
        ...


BoothFactory = Callable[[Lane, str, Deliver], Booth]
"""Lane, instructions (the briefing as text) and where to report -> a booth that has not started yet."""
