"""The protocol of interpreting engines, which has several implementations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bot.interpreting.events import BoothEvent
from bot.interpreting.plan import Lane, Mode

Deliver = Callable[[BoothEvent], None]
"""Reports an event of a booth. Called in the event loop; never blocks."""


class Booth(Protocol):
    """One interpreting engine working for one lane, utterance by utterance.

    All methods but `run` return at once and may be called before the engine is ready: audio is held, within a bound;
    what does not fit is reported with `HearingDropped`, never silently lost. None of them reports from within.
    """

    def hear(self, utterance: str, pcm: bytes) -> None:
        """Take the next piece of an utterance: PCM16 mono 24 kHz, any even length."""
        ...

    def interpret(self, utterance: str, *, strict: bool = False, speed: float = 1.0, condensed: bool = False) -> None:
        """Interpret an utterance that is complete.

        Called again after its `InterpretationEnded` and before `release`, it asks for another interpretation of the
        same audio, which ends with an `InterpretationEnded` of its own.

        Args:
            strict: remind the engine, for this utterance, that it translates and does nothing else.
            speed: of the voice, 0.25 to 1.5; as near to it as the engine can at this moment.
            condensed: in fewer words.
        """
        ...

    def translate(
        self, utterance: str, text: str, *, strict: bool = False, speed: float = 1.0, condensed: bool = False
    ) -> None:
        """Interpret a typed text, apart from all audio; called again, interpret it again.

        Events carry the utterance's id, without any `SourceText`, and end with one `InterpretationEnded`
        (`not_supported` from an engine that takes no text), unless `BoothLost` names it.
        """
        ...

    def pace(self, *, speed: float, condensed: bool) -> None:
        """Use this manner for parts of a simultaneous utterance, which are interpreted before `interpret` is called."""
        ...

    def release(self, utterance: str) -> None:
        """Drop an utterance that will not be interpreted again. Without this call the engine drops it by itself."""
        ...

    def cancel(self, utterance: str) -> None:
        """Drop an utterance in any state; no further event about it is delivered."""
        ...

    def brief(self, instructions: str) -> None:
        """Replace the instructions for utterances that are not complete yet; no audio is lost."""
        ...

    def say(self, utterance: str, text: str, language: str) -> None:
        """Read a text aloud, word for word, apart from any utterance.

        Events carry the given id, which the caller chooses, and end with one `InterpretationEnded`
        (`not_supported` from an engine that cannot), unless `BoothLost` names it.

        Args:
            language: BCP 47 tag of the text.
        """
        ...

    async def run(self) -> None:
        """Work until cancelled: connect, configure, report; connect anew when the session is lost.

        Returns after a final `BoothLost` when no engine can ever serve this lane. Safe to cancel at any point;
        a cancelled booth holds no socket and no task.
        """
        ...


class BoothFactory(Protocol):
    """Makes booths that have not started yet."""

    def __call__(
        self,
        lane: Lane,
        instructions: str,
        deliver: Deliver,
        mode: Mode = Mode.CONSECUTIVE,
        voice: bool = True,
        terms: bool = False,
        /,
    ) -> Booth:
        """Make a booth for a lane, with its briefing as text, and where to report to.

        Args:
            mode: how the room is interpreted.
            voice: with a voice, or in text alone.
            terms: whether the briefing holds terms of the glossary.
        """
        ...
