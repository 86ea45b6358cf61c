"""Handles booth events: lateness, backchannels, quality checks, relays, and what serves each lane.

`renditions.py` holds the state; this decides whether an interpretation comes in time to be heard, whether it is needed,
and whether it is an interpretation at all.
"""

from __future__ import annotations

import math

from bot.interpreting.booths import Booths
from bot.interpreting.captions import Captions, Utterance
from bot.interpreting.effects import Effect, Hear, LaneReady, LaneServed, Release
from bot.interpreting.events import (
    BoothDegraded,
    BoothLost,
    BoothReady,
    BoothUsed,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    SourceDelta,
    SourceText,
)
from bot.interpreting.lane_status import RESTORED
from bot.interpreting.ledger import EntryKind, EntryState
from bot.interpreting.plan import RoomPlan
from bot.interpreting.playout.pacer import BYTES_PER_MS
from bot.interpreting.quality.backchannels import SHORT_MS, OpenQuestion, is_a_word, is_backchannel
from bot.interpreting.quality.checks import Fault, Guard
from bot.interpreting.quality.echo_loops import SUSPECTED_ECHO, Echo, EchoLoopBreaker
from bot.interpreting.rendition import MODEL_SHARE_S, STALE_S, Rendition
from bot.interpreting.renditions import Renditions
from bot.interpreting.spoken_language import LANGUAGE_S, SpokenLanguages
from bot.interpreting.usage_meter import UsageMeter

SIMULTANEOUS_STALE_S = 8.0
"""`STALE_S` of a simultaneous interpretation: healthy streams are 3-5.4 s late."""
HEAR_OUT_S = 0.4
"""Seconds a short utterance that may be a backchannel ("mm-hm") is held back unless its words are known before."""

CONDENSED = "condensed"
"""Flag of a caption: it was asked for in fewer words."""
GLOSSARY_IGNORED = "glossary"
"""Why a lane that works is not served as asked for: its engine takes no glossary. Its interpretations are checked."""
DOUBT_S = 0.3
"""Seconds of voice held back where the text is doubtful: it runs 1 s or more ahead of the voice by then."""
FAULTY = "faulty"
"""Reason of an interpretation that is read and flagged, not heard."""
_SHOWN_BY_A_PART = frozenset({Fault.LANGUAGE, Fault.ASSISTANT, Fault.INVENTED})
"""Faults that an interpretation has though it was cut."""
_STOPPED = _SHOWN_BY_A_PART | {Fault.ECHO, Fault.QUESTION}
"""Faults for which a voice that is being heard is stopped ..."""
_UNSPOKEN = _STOPPED | {Fault.NUMBER}
"""... or not begun."""
_SURE_LETTERS = 30
"""Of a text that goes on: fewer do not stop a voice that is being heard."""
_TRANSIENT = frozenset({"server_error"})
"""Reasons for which a response fails, and the next response to the same audio may succeed."""


class BoothEvents:
    """Handles the events of all booths of one room."""

    def __init__(
        self,
        plan: RoomPlan,
        out: list[Effect],
        renditions: Renditions,
        booths: Booths,
        captions: Captions,
        loops: EchoLoopBreaker,
        guard: Guard,
        languages: SpokenLanguages,
        usage: UsageMeter,
    ) -> None:
        self._out = out
        self._renditions = renditions
        self._booths = booths
        self._captions = captions
        self._loops = loops
        self._glossary = plan.glossary
        self._guard = guard
        self._languages = languages
        self._usage = usage
        self._question = OpenQuestion()

    def follow(self, plan: RoomPlan) -> None:
        """Judge interpretations by the plan's glossary from now on."""
        self._glossary = plan.glossary
        self._languages.follow(plan)

    # --- interpretations -----------------------------------------------------------------------

    def audio(self, event: InterpretationAudio, now: float) -> None:
        """Queue a piece of voice, and keep it for the second legs of relays: it may yet prove to be none."""
        rendition = self._renditions.open.expected(event.lane, event.utterance)
        if rendition is None or not event.pcm:
            return
        rendition.last_sign_at = now
        if not rendition.sound_bytes:
            if self._may_be_backchannel(rendition):
                rendition.heard_out_until = now + HEAR_OUT_S
            if self._languages.awaited(rendition) and not rendition.simultaneous:
                rendition.unknown_until = now + LANGUAGE_S
            self._watch(rendition, now)
            rendition.hold()
        if self._renditions.open.legs(rendition):
            rendition.for_legs += event.pcm
        if self._is_late(rendition, now):
            self._renditions.silence(rendition, rendition.passages, "stale")
        self._renditions.voice(rendition, event.pcm, now)

    def text(self, event: InterpretationText, now: float) -> None:
        """Show more text of an interpretation."""
        rendition = self._renditions.open.expected(event.lane, event.utterance)
        if rendition is None:
            return
        rendition.last_sign_at = now
        self._captions.grow(rendition.spoken, event.lane.target, event.delta, now)
        rendition.letters += len(event.delta)
        if rendition.sound_bytes:
            self._watch(rendition, now)

    def ended(self, event: InterpretationEnded, now: float) -> None:
        """Complete an interpretation, or ask the booth for another one."""
        rendition = self._renditions.open.expected(event.lane, event.utterance)
        if rendition is None:
            self._usage.use(event.lane, event.usage.by_kind())
            return
        entry = rendition.entry
        entry.count(event.usage.by_kind())
        if event.outcome not in (InterpretationOutcome.COMPLETED, InterpretationOutcome.INCOMPLETE):
            if event.reason not in _TRANSIENT or not self._ask_again(rendition, now):
                self._renditions.abandon([rendition], event.reason or event.outcome)
            return
        text = self._captions.text(entry.utterance, rendition.lane.target).strip()
        if self._languages.repeats(rendition, now):
            return
        if self._is_faulty_and_asked_again(rendition, event.outcome, text, now):
            return
        self._out.append(Release(rendition.lane, entry.utterance))
        cut = event.outcome is InterpretationOutcome.INCOMPLETE
        remarks = [CONDENSED] if entry.condensed else []
        flags = (*entry.faults, *rendition.spoken.flags, *remarks, *([event.outcome.value] if cut else []))
        rendition.final_flags = flags
        if not self._languages.awaited(rendition):
            self._renditions.finish_caption(rendition)
        if not rendition.simultaneous and (_STOPPED if rendition.begun else _UNSPOKEN).intersection(entry.faults):
            self._renditions.silence(rendition, rendition.passages, FAULTY)
        if rendition.channels and entry.kind is EntryKind.UTTERANCE:
            self._loops.spoke(text, entry, now)
        self._booths.mark_used(rendition.lane, now)
        if cut:
            rendition.reason = event.reason or event.outcome
        self._close(rendition, text, now)
        self._relay(rendition, now)

    def _relay(self, first: Rendition, now: float) -> None:
        """Let the second legs of a relay interpret what is complete, if it is an interpretation."""
        legs = self._renditions.open.legs(first)
        if _UNSPOKEN.intersection(first.entry.faults) or not first.sound_bytes:
            self._renditions.abandon(legs, "relay_faulty" if first.sound_bytes else "relay_silent")
            return
        for leg in legs:
            leg.entry.heard += len(first.for_legs)
            self._out.append(Hear(leg.lane, first.spoken.id, bytes(first.for_legs)))
            self._renditions.ask(leg, now)

    def _close(self, rendition: Rendition, text: str, now: float) -> None:
        """Decide what becomes of an interpretation that is complete."""
        target, spoken = rendition.lane.target, rendition.spoken
        nothing = not text and not rendition.sound_bytes and not rendition.reason
        if nothing and self._languages.said_nothing(rendition, now):
            return
        if spoken.source_text == "" and self._may_be_backchannel(rendition) and not is_a_word(text):
            self._withdraw_unneeded(rendition, "no_words")
        elif text and self._may_be_backchannel(rendition) and self._is_backchannel(spoken, text, target):
            self._withdraw_unneeded(rendition, "backchannel")
        else:
            if not rendition.sound_bytes:
                rendition.unheard = rendition.reason or rendition.unheard or ("no_audio" if text else "empty")
            self._renditions.complete(rendition)
            if self._languages.awaited(rendition) and spoken.source_text is None:
                rendition.hold()

    def _is_late(self, rendition: Rendition, now: float) -> bool:
        """Return whether sound that comes now is late, by the speaker's last word and the sound that came before."""
        entry = rendition.entry
        if entry.kind is EntryKind.UTTERANCE and rendition.spoken.age_s > STALE_S:
            return True  # it was held up on its way to us
        if entry.ended_at is None or entry.committed_at is None or entry.kind is not EntryKind.UTTERANCE:
            return False
        due_at = entry.ended_at + SIMULTANEOUS_STALE_S if rendition.simultaneous else rendition.sound_due_at
        if rendition.sound_at is not None:
            sound_s = rendition.sound_bytes / (BYTES_PER_MS * 1000)
            due_at = max(due_at, rendition.sound_at + sound_s + MODEL_SHARE_S)
        return now > due_at

    # --- the speaker's own words ---------------------------------------------------------------

    def source_delta(self, event: SourceDelta, now: float) -> None:
        """Show more of what the speaker says, as the first of the lanes understands it."""
        spoken = self._captions.find(event.utterance)
        if spoken is None or spoken.source_text is not None or event.lane.source != spoken.source:
            return
        spoken.understood_by = spoken.understood_by or event.lane
        if spoken.understood_by == event.lane:
            self._captions.grow_original(spoken, event.delta, now)

    def source_text(self, event: SourceText, now: float) -> None:
        """Show what the speaker said, as the first of the lanes has understood it."""
        spoken, text = self._captions.find(event.utterance), event.text
        if spoken is None or spoken.source_text is not None or text is None or event.lane.source != spoken.source:
            return
        if not text.strip() and not _is_short(spoken):
            heard = self._renditions.open.expected(event.lane, event.utterance)
            if heard is not None:
                heard.wordless = True
                self._watch(heard, now, anew=True)
            return  # there was speech: another lane may have understood it
        spoken.source_text = text
        echo = self._loops.by_words(spoken, text, now)
        self._note_echo(spoken, echo)
        if echo is Echo.RETURNED:
            return
        self._languages.recognised(spoken, now)
        for rendition in self._renditions.open.of(event.utterance):
            if text.strip() and _is_short(spoken) and rendition.droppable:
                if self._is_backchannel(spoken, text, spoken.source):
                    self._withdraw_unneeded(rendition, "backchannel")
                else:
                    rendition.heard_out_until = 0.0
            self._watch(rendition, now, anew=True)
            rendition.hold()
        self._question.said(spoken.speaker, text, now)

    def turn_ended(self, spoken: Utterance, now: float) -> bool:
        """Judge by its sound whether an utterance is our own voice, before it is interpreted; returns whether it is."""
        echo = self._loops.by_sound(spoken, now)
        self._note_echo(spoken, echo)
        return echo is Echo.RETURNED

    def _note_echo(self, spoken: Utterance, echo: Echo) -> None:
        """Take our own voice out, leave to be read what another interpreter would answer, flag what is suspected."""
        if echo in (Echo.SUSPECTED, Echo.LOOP):
            spoken.flags = (SUSPECTED_ECHO,)
        elif echo is Echo.RETURNED:
            spoken.source_text = spoken.source_text or ""  # nobody's words: they are not waited for
        for rendition in self._renditions.open.of(spoken.id):
            if echo is Echo.RETURNED and not rendition.lane.passthrough:
                state = EntryState.ABANDONED if rendition.begun else EntryState.NOT_NEEDED
                self._renditions.withdraw(rendition, state, "echo")
            elif echo is Echo.LOOP and not rendition.lane.passthrough:
                self._renditions.silence(rendition, rendition.passages, "echo")

    # --- booths --------------------------------------------------------------------------------

    def ready(self, event: BoothReady) -> None:
        """Report the engine of a booth that works."""
        if event.lane in self._booths:
            self._booths.ready(event.lane)
        if event.engine and event.lane in self._booths:
            terms = self._glossary.into(event.lane.source, event.lane.target)
            note = GLOSSARY_IGNORED if terms and event.engine == "translation" else ""
            self._out.append(LaneReady(event.lane, event.engine, note))

    def lost(self, event: BoothLost, now: float) -> None:
        """Abandon the utterances a booth will not finish: those it names, or all of its lane if it is refused."""
        found = [self._renditions.open.find(event.lane, utterance) for utterance in event.utterances]
        refused = event.final and event.lane in self._booths  # else it was closed before it could say so
        if refused:
            found = [rendition for rendition in self._renditions.open.all() if rendition.lane == event.lane]
        for each in found:
            if each is not None and not each.complete:
                if refused or not each.lane.typed or not self._ask_again(each, now):  # what was heard is gone
                    self._renditions.abandon([each], event.reason)
        if refused:
            self._booths.refuse(event.lane, now)
            self._out.append(LaneServed(event.lane, "", event.reason))

    def degraded(self, event: BoothDegraded) -> None:
        """Report that a lane is served by less than was asked for, or as asked for again."""
        other = "" if event.reason == RESTORED else event.engine
        if not self._booths.served(event.lane, other):
            return
        for rendition in self._renditions.open.all():
            if rendition.lane == event.lane and not rendition.complete:
                rendition.entry.engine = other
        self._out.append(LaneServed(event.lane, event.engine, event.reason))

    def used(self, event: BoothUsed) -> None:
        """Count what was used apart from interpretations that have ended as they should."""
        self._usage.use(event.lane, event.usage.by_kind())

    def dropped(self, event: HearingDropped) -> None:
        """Abandon an utterance that the booth could not keep for the model."""
        rendition = self._renditions.open.find(event.lane, event.utterance)
        if rendition is not None and not rendition.complete:
            self._renditions.abandon([rendition], event.reason)

    # --- is it an interpretation? --------------------------------------------------------------

    def _watch(self, rendition: Rendition, now: float, *, anew: bool = False) -> None:
        """Hold back a voice whose text is doubtful, take the doubt back, and stop what has become certain.

        The text is ahead of the voice. It is judged again when it is twice as long, with each word while it is doubted,
        once while it is heard, and when the speaker's words have come (`anew`).
        """
        if rendition.begun:
            judged = not rendition.judged_letters < _SURE_LETTERS <= rendition.letters
        else:
            judged = rendition.letters < 2 * rendition.judged_letters and not rendition.doubted_until
        if rendition.simultaneous or rendition.entry.kind is not EntryKind.UTTERANCE or rendition.complete:
            return
        if not rendition.letters or (judged and not anew):
            return
        rendition.judged_letters = rendition.letters
        text = self._captions.text(rendition.spoken.id, rendition.lane.target)
        original, lane = self._original(rendition), rendition.lane
        shown = self._guard.shows_early(original, text, lane, self._glossary)
        if rendition.begun:
            if shown and rendition.letters >= _SURE_LETTERS:
                self._renditions.silence(rendition, rendition.passages, FAULTY)
            return
        if shown:
            rendition.doubted_until = math.inf  # till it is complete, and another one is asked for, or it is read
        elif rendition.via is None and self._guard.begins_in_source(text, lane):
            rendition.doubted_until = rendition.sound_due_at
        elif self._guard.is_doubtful(original, text, lane):
            rendition.doubted_until = (now if rendition.sound_at is None else rendition.sound_at) + DOUBT_S
        else:
            rendition.doubted_until = 0.0
        rendition.hold()

    def _is_faulty_and_asked_again(
        self, rendition: Rendition, outcome: InterpretationOutcome, text: str, now: float
    ) -> bool:
        """Judge a complete interpretation; returns whether the booth was asked for another one."""
        entry = rendition.entry
        if entry.kind is not EntryKind.UTTERANCE or (rendition.sound_bytes and not text):
            return False
        if rendition.spoken.recognised == rendition.lane.target:
            return False  # the speaker's own words, heard where the speaker is not
        entry.faults = self._guard.examine(self._original(rendition), text, rendition.lane, self._glossary)
        if entry.condensed:  # which is shorter than it would be
            entry.faults = tuple(fault for fault in entry.faults if fault != Fault.LENGTH)
        if outcome is not InterpretationOutcome.COMPLETED:
            entry.faults = tuple(fault for fault in entry.faults if fault in _SHOWN_BY_A_PART)
            return False
        again = any(fault != Fault.INVENTED for fault in entry.faults)  # of noise, another will come
        return again and self._ask_again(rendition, now)

    def _ask_again(self, rendition: Rendition, now: float) -> bool:
        """Ask for another interpretation, once, if nothing of this one was heard and there is time; returns whether."""
        entry = rendition.entry
        took_s = now - (entry.committed_at or now)
        in_time = rendition.lane.typed or now + took_s <= rendition.sound_due_at  # what is typed can be read later
        too_late = entry.strict or rendition.begun or rendition.simultaneous or rendition.complete
        if entry.kind is not EntryKind.UTTERANCE or too_late or not in_time:
            return False
        if not self._captions.restart(entry.utterance, rendition.lane.target):
            return False
        entry.strict = True
        self._renditions.restart(rendition, now)
        self._out.append(rendition.request(condensed=entry.condensed))
        return True

    def _original(self, rendition: Rendition) -> str | None:
        """Return the words to judge by, in a relay those of the first leg; None if they are not known."""
        spoken, via = rendition.spoken, rendition.via
        if via is not None:
            return self._captions.text(spoken.id, via.target) or None
        if spoken.doubtful:
            return None
        return "" if spoken.source_text is None and rendition.wordless else spoken.source_text

    # --- is it needed? -------------------------------------------------------------------------

    def _may_be_backchannel(self, rendition: Rendition) -> bool:
        """Return whether the speaker's words are not known, and were few enough to be a backchannel."""
        spoken = rendition.spoken
        return not spoken.source_text and _is_short(spoken) and rendition.droppable

    def _is_backchannel(self, spoken: Utterance, text: str, language: str) -> bool:
        asked = self._question.awaits(spoken.speaker, spoken.began_at)
        return is_backchannel(text, language, voiced_ms=spoken.voiced_ms, talked_over=spoken.talked_over, asked=asked)

    def _withdraw_unneeded(self, rendition: Rendition, reason: str) -> None:
        for leg in self._renditions.open.legs(rendition):
            self._withdraw_unneeded(leg, reason)
        self._renditions.withdraw(rendition, EntryState.NOT_NEEDED, reason)


def _is_short(spoken: Utterance) -> bool:
    return spoken.ended_at is not None and spoken.voiced_ms <= SHORT_MS
