"""What booths answer: taken down, judged, and handed on. The books themselves are in `renditions.py`.

Judged means: whether it comes in time to be heard, whether it is wanted at all, and whether it is an interpretation.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.interpreting.captions import Utterance
from bot.interpreting.effects import Effect, Hear, Interpret, Release
from bot.interpreting.events import BoothLost, InterpretationEnded, InterpretationOutcome, Usage
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.ledger import EntryKind, EntryState
from bot.interpreting.plan import AUTO, Lane
from bot.interpreting.quality.backchannels import QUESTION_S, SHORT_MS, is_backchannel, is_question
from bot.interpreting.quality.checks import Fault, examine
from bot.interpreting.quality.echo_loops import EchoLoopBreaker
from bot.interpreting.renditions import Rendition, Renditions

STALE_S = 3.0
"""An interpretation whose sound comes later than this after the speaker's last word is read, not heard: the meeting
has gone on (product page, section 6)."""
MODEL_SHARE_S = 2.5
"""What the model is given in any case, however long the pause was that ended the turn: the worst of a healthy one."""
ALONG_STALE_S = 8.0
"""The same where the interpretation runs along: such a stream is 3-5.4 s late when all is well."""
HEAR_OUT_S = 0.4
"""A short utterance that may be a mere "mm-hm" is not spoken before its words are known, or this has passed."""

Examine = Callable[[str | None, str, Lane, GlossaryEntries], tuple[str, ...]]
"""The speaker's words if they are known, the interpretation, the lane, the glossary -> what is wrong with it."""
_HEARD_AT_ONCE = frozenset({Fault.LANGUAGE, Fault.ASSISTANT})
"""Faults that the first words may show."""
_PASSING = frozenset({"server_error"})
"""Why a response may fail and the next one to the same audio not."""


class BoothEvents:
    """Takes what the booths of one room say."""

    def __init__(
        self, renditions: Renditions, out: list[Effect], loops: EchoLoopBreaker, examine: Examine = examine
    ) -> None:
        self._renditions = renditions
        self._loops = loops
        self._out = out
        self._examine = examine
        self._question: tuple[str, float] | None = None
        """Who has asked one, as the last thing said, and when."""

    # --- as it comes ---------------------------------------------------------------------------------

    def audio(self, lane: Lane, utterance: str, pcm: bytes, now: float) -> None:
        one = self._renditions.expected(lane, utterance)
        if one is None or not pcm:
            return
        one.last_sign_at = now
        stale = self._is_late(one, now)
        if not one.sound:
            if self._may_be_a_backchannel(one):
                self._hold(one, now + HEAR_OUT_S)
            self._doubt(one, now)
        for leg in self._renditions.legs(one):
            self._out.append(Hear(leg.lane, utterance, pcm))
        if stale:
            self._renditions.silence(one, one.passages, "stale")
        self._renditions.voice(one, pcm, now)

    def _is_late(self, one: Rendition, now: float) -> bool:
        """Whether the next sound of it comes too late, by the speaker's last word and by what has come already."""
        entry = one.entry
        if entry.ended_at is None or entry.committed_at is None or entry.kind is not EntryKind.UTTERANCE:
            return False
        due_at = entry.ended_at + ALONG_STALE_S if one.along else _due_at(one)
        if one.sound_at is not None:
            due_at = max(due_at, one.sound_at + one.sound / 48_000 + MODEL_SHARE_S)
        return now > due_at

    def text(self, lane: Lane, utterance: str, delta: str, now: float) -> None:
        one = self._renditions.expected(lane, utterance)
        if one is None:
            return
        one.last_sign_at = now
        self._renditions.captions.grow(one.spoken, lane.target, delta, now)
        if one.sound:
            self._doubt(one, now)

    def ended(self, event: InterpretationEnded, now: float) -> None:
        """The booth's last word, unless it is asked for another."""
        renditions = self._renditions
        one = renditions.expected(event.lane, event.utterance)
        if one is None:
            return
        entry, captions = one.entry, renditions.captions
        _count(entry.tokens, event.usage)
        if event.outcome not in (InterpretationOutcome.COMPLETED, InterpretationOutcome.INCOMPLETE):
            if event.reason not in _PASSING or not self._ask_again(one, now):
                renditions.abandon([one], event.reason or event.outcome)
            return
        text = captions.text(entry.utterance, one.lane.target).strip()
        if self._again(one, event.outcome, text, now):
            return
        self._out.append(Release(one.lane, entry.utterance))
        cut = event.outcome is InterpretationOutcome.INCOMPLETE
        captions.finish(one.spoken, one.lane.target, (*entry.faults, event.outcome.value) if cut else entry.faults)
        if one.channels and entry.kind is EntryKind.UTTERANCE:
            self._loops.spoke(text, entry, now)
        renditions.booths.done(one.lane, now)
        if cut:
            one.reason = event.reason or event.outcome
        for leg in renditions.legs(one):
            if one.sound:
                renditions.ask(leg, now)
            else:
                renditions.abandon([leg], "relay_silent")
        if one.lane.source == AUTO and not text and not one.sound and not one.reason:
            renditions.settle(one, EntryState.NOT_NEEDED)
        elif text and self._may_be_a_backchannel(one) and self._is_backchannel(one.spoken, text, one.lane.target):
            self._not_needed(one)
        else:
            if not one.sound:
                one.unheard = one.reason or one.unheard or ("no_audio" if text else "empty")
            renditions.complete(one)

    def source_text(self, lane: Lane, utterance: str, text: str | None, now: float) -> None:
        """What the speaker has said, as one of the lanes has heard it."""
        renditions = self._renditions
        spoken = renditions.utterances.get(utterance)
        if spoken is None or spoken.source_text is not None or text is None or lane.source != spoken.source:
            return
        if not text.strip() and not _is_short(spoken):
            return  # somebody has spoken: another lane may have understood it
        spoken.source_text = text
        if self._loops.is_echo(spoken.speaker, text, spoken.began_at, now):
            self._suppress(spoken)
            return
        renditions.captions.original(spoken, text)
        for one in renditions.of(utterance):
            if _is_short(spoken) and _may_still_be_dropped(one):
                if self._is_backchannel(spoken, text, spoken.source):
                    self._not_needed(one)
                else:
                    self._hold(one, 0.0)
        asked = is_question(text)
        if asked or (self._question is not None and self._question[0] == spoken.speaker):
            self._question = (spoken.speaker, now) if asked else None

    def _suppress(self, spoken: Utterance) -> None:
        """What comes back from us is not interpreted again, nor written down; what of it is being heard is stopped."""
        for one in self._renditions.of(spoken.id):
            if not one.lane.passthrough and self._renditions.find(one.lane, spoken.id) is one:
                begun = one.begun
                self._renditions.cancel(one)
                self._renditions.settle(one, EntryState.ABANDONED if begun else EntryState.NOT_NEEDED, "echo")

    def lost(self, event: BoothLost) -> None:
        """The booth will not finish some of what it has begun; or nothing, ever."""
        renditions = self._renditions
        found = [renditions.find(event.lane, utterance) for utterance in event.utterances]
        if event.final and event.lane in renditions.booths:  # else it was closed before it could say so
            found = [one for one in renditions.all() if one.lane == event.lane]
        renditions.abandon([one for one in found if one is not None and not one.complete], event.reason)
        if event.final:
            renditions.booths.refuse(event.lane)

    def dropped(self, lane: Lane, utterance: str, reason: str) -> None:
        one = self._renditions.find(lane, utterance)
        if one is not None and not one.complete:
            self._renditions.abandon([one], reason)

    def served(self, lane: Lane, engine: str) -> bool:
        """Something else serves a lane from here on; False if nobody does any more."""
        known = self._renditions.booths.served(lane, engine)
        for one in self._renditions.all():
            if known and one.lane == lane and not one.complete:
                one.entry.engine = engine
        return known

    # --- is it an interpretation? --------------------------------------------------------------------

    def _doubt(self, one: Rendition, now: float) -> None:
        """Hold back what begins as no interpretation does, while the text is ahead of the voice: it costs the others
        nothing. Whether it is one is judged when it is complete."""
        if one.begun or one.doubted or one.along or one.entry.kind is not EntryKind.UTTERANCE:
            return
        text = self._renditions.captions.text(one.spoken.id, one.lane.target)
        if text and _HEARD_AT_ONCE.intersection(self._judge(one, text)):
            self._hold(one, _due_at(one))
            one.doubted = True

    def _again(self, one: Rendition, outcome: InterpretationOutcome, text: str, now: float) -> bool:
        """Judge a complete interpretation; ask for another, once, if it is none and there is still time."""
        entry = one.entry
        if (
            entry.kind is not EntryKind.UTTERANCE
            or outcome is not InterpretationOutcome.COMPLETED
            or (one.sound and not text)
        ):
            return False
        entry.faults = self._judge(one, text)
        return bool(entry.faults) and self._ask_again(one, now)

    def _ask_again(self, one: Rendition, now: float) -> bool:
        """Ask for another interpretation, once, if nothing of this one is heard and there is still time."""
        entry = one.entry
        took_s = now - (entry.committed_at or now)
        in_time = not one.complete and now + took_s <= _due_at(one)
        too_much = entry.strict or one.begun or one.along or self._renditions.legs(one)
        if entry.kind is not EntryKind.UTTERANCE or too_much or not in_time:
            return False
        if not self._renditions.captions.transcript.begin_anew((entry.utterance, one.lane.target)):
            return False
        entry.strict = True
        self._renditions.begin_anew(one, now)
        self._out.append(Interpret(one.lane, entry.utterance, strict=True, speed=entry.speed))
        return True

    def _judge(self, one: Rendition, text: str) -> tuple[str, ...]:
        original = one.spoken.source_text if one.via is None else None
        return self._examine(original, text, one.lane, self._renditions.plan.glossary)

    # --- is it wanted? -------------------------------------------------------------------------------

    def _may_be_a_backchannel(self, one: Rendition) -> bool:
        return one.spoken.source_text is None and _is_short(one.spoken) and _may_still_be_dropped(one)

    def _is_backchannel(self, spoken: Utterance, text: str, language: str) -> bool:
        asker, asked_at = self._question or (spoken.speaker, 0.0)
        return is_backchannel(
            text,
            language,
            voiced_ms=spoken.voiced_ms,
            talked_over=spoken.talked_over,
            asked=asker != spoken.speaker and spoken.began_at <= asked_at + QUESTION_S,
        )

    def _not_needed(self, one: Rendition) -> None:
        for leg in self._renditions.legs(one):
            self._not_needed(leg)
        self._renditions.cancel(one)
        self._renditions.settle(one, EntryState.NOT_NEEDED, "backchannel")

    def _hold(self, one: Rendition, until: float) -> None:
        for passage in one.passages:
            passage.held_until = max(until, passage.held_until if one.doubted else 0.0)


def _due_at(one: Rendition) -> float:
    """When the first sound of an interpretation has to be there."""
    entry = one.entry
    committed_at = entry.committed_at or 0.0
    return max((entry.ended_at or committed_at) + STALE_S, committed_at + MODEL_SHARE_S)


def _is_short(spoken: Utterance) -> bool:
    return spoken.ended_at is not None and spoken.voiced_ms <= SHORT_MS


def _may_still_be_dropped(one: Rendition) -> bool:
    """Nobody would notice: it has not begun to be heard."""
    return one.entry.kind is EntryKind.UTTERANCE and not one.begun and not one.complete and one.via is None


def _count(tokens: dict[str, int], usage: Usage) -> None:
    counted = {
        "input_text": usage.input_text,
        "input_audio": usage.input_audio,
        "input_cached": usage.input_cached,
        "output_text": usage.output_text,
        "output_audio": usage.output_audio,
    }
    tokens.update({kind: count + tokens.get(kind, 0) for kind, count in counted.items()})
