"""The way of each utterance in each lane, from the first word heard to its one final state.

    heard ─Interpret─► committed ─text, audio─► translated ─its passages, one per channel─► spoken

Every utterance ends in exactly one final state, whatever the booth, the call or the admin does: each way out goes
through `_settle`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.interpreting.booths import Booths
from bot.interpreting.captions import Captions, Utterance
from bot.interpreting.effects import Cancel, Effect, Hear, Interpret, Opened, Settled
from bot.interpreting.ledger import Entry, EntryKind, EntryState, Ledger
from bot.interpreting.plan import Lane, RoomPlan
from bot.interpreting.playout.channels import Channels
from bot.interpreting.playout.floor import FloorEntry, FloorStage
from bot.interpreting.routing import Route, channels, stream
from bot.interpreting.usage_meter import CAPTIONS_ONLY, UsageMeter

MODEL_PATIENCE_S = 10.0
"""From the end of a turn to the model's first sign, and between two of them. Models need 0.5-2.5 s to their first audio
(realtime protocol sheet, section 8); four times the worst of it is a model that hangs."""
FOLLOW_UP_S = 10.0
"""The speaker's own words may be recognised this long after their interpretation has been heard."""


@dataclass(slots=True, eq=False)
class Rendition:
    """One utterance in one lane."""

    entry: Entry
    spoken: Utterance
    channels: tuple[str, ...]
    via: Lane | None = None
    chair: bool = False
    asked: bool = False
    """The booth may speak: it was asked to, or speaks along."""
    complete: bool = False
    """It has said its last word."""
    along: bool = False
    """It speaks while the speaker does."""
    doubted: bool = False
    """Held back until it is complete: it does not begin as an interpretation does."""
    sound: int = 0
    """Bytes of voice since the booth was asked last."""
    sound_at: float | None = None
    """When the first of it came."""
    last_sign_at: float = 0.0
    passages: list[FloorEntry] = field(default_factory=list)
    """Those that are not over."""
    heard: bool = False
    """On one channel at least, to its end."""
    reason: str = ""
    unheard: str = ""
    """Why it is not heard where it is not."""

    @property
    def lane(self) -> Lane:
        return self.entry.lane

    @property
    def begun(self) -> bool:
        """Some of it has been heard somewhere."""
        return self.heard or self.entry.first_played_at is not None


class Renditions:
    """All renditions of one room that are not settled, and what is left of those that are."""

    def __init__(self, plan: RoomPlan, began_at: float, out: list[Effect], usage: UsageMeter) -> None:
        self.plan = plan
        self.usage = usage
        self.ledger = Ledger()
        self.booths = Booths(plan, out, self.working)
        self.captions = Captions(plan.stability, began_at, out)
        self.speaking = Channels(out)
        self.utterances: dict[str, Utterance] = {}
        self.streams: set[str] = set()
        """Media streams that can carry a voice."""
        self._open: dict[tuple[str, Lane], Rendition] = {}
        self._out = out

    # --- hearing -------------------------------------------------------------------------------

    def find(self, lane: Lane, utterance: str) -> Rendition | None:
        return self._open.get((utterance, lane))

    def expected(self, lane: Lane, utterance: str) -> Rendition | None:
        """The rendition a booth speaks about, if it may speak and has not said its last word."""
        one = self._open.get((utterance, lane))
        return one if one is not None and one.asked and not one.complete and not lane.passthrough else None

    def of(self, utterance: str) -> list[Rendition]:
        return [one for one in self._open.values() if one.spoken.id == utterance]

    def all(self) -> list[Rendition]:
        return list(self._open.values())

    def working(self, lane: Lane) -> bool:
        """Whether the lane's booth has something to do."""
        return any(one.lane == lane and not one.complete for one in self._open.values())

    def begin(self, spoken: Utterance, route: Route, pcm: bytes, now: float) -> None:
        """Open the books for one lane and let its booth hear the beginning."""
        lane = route.lane
        self.booths.voice = not self.usage.reached
        refused = "" if lane.passthrough else self.booths.need(lane, now)
        one = Rendition(
            self._entry(spoken.id, lane, now, EntryKind.PASSTHROUGH if lane.passthrough else EntryKind.UTTERANCE),
            spoken,
            route.channels,
            route.via,
            chair=spoken.speaker == self.plan.chair,
        )
        self._open[spoken.id, lane] = one
        if lane.passthrough:
            one.asked = True
            self._enter(one, now)
            self.voice(one, pcm, now)
            return
        if refused:
            self.settle(one, EntryState.ABANDONED, refused)
            return
        one.entry.engine = self.booths.engine(lane)
        if one.entry.engine == "captions":
            one.channels, one.unheard = (), "degraded"
        if not self.booths.voice:
            one.channels, one.unheard = (), CAPTIONS_ONLY
        if route.via is not None:
            if (spoken.id, route.via) not in self._open:
                self.abandon([one], "relay_failed")
            return
        self._out.append(Hear(lane, spoken.id, pcm))
        one.along = self.booths.runs_along(lane)
        if one.along:
            one.asked = True
            self._enter(one, now)

    def hear(self, utterance: str, pcm: bytes) -> None:
        """Let the booths hear the next piece."""
        for one in self.of(utterance):
            if one.entry.committed_at is None and one.via is None and not one.complete and not one.lane.passthrough:
                self._out.append(Hear(one.lane, utterance, pcm))

    def pass_through(self, utterance: str, pcm: bytes, now: float) -> bool:
        """Let other rooms hear the speaker's own voice, frame by frame; returns whether any do."""
        passed = [one for one in self.of(utterance) if one.lane.passthrough and not one.complete]
        for one in passed:
            self.voice(one, pcm, now)
        return bool(passed)

    def commit(self, spoken: Utterance, patience_ms: int, now: float) -> None:
        """The speaker's turn is over."""
        for one in self.of(spoken.id):
            one.entry.ended_at = spoken.ended_at
            one.entry.patience_ms = patience_ms
            if one.lane.passthrough:
                one.entry.committed_at = now
                self.complete(one)
            elif one.via is None:
                self.ask(one, now)

    def ask(self, one: Rendition, now: float) -> None:
        """Have the booth interpret what it has heard."""
        entry = one.entry
        entry.committed_at = one.last_sign_at = now
        if one.complete:
            return
        if entry.state is EntryState.HEARD:
            self.ledger.advance(entry, EntryState.COMMITTED)
        entry.speed = self.speaking.speed(one.channels)
        if not one.asked:
            one.asked = True
            self._enter(one, now)
        self._out.append(Interpret(one.lane, entry.utterance, speed=entry.speed))

    def say(self, spoken: Utterance, route: Route, now: float) -> None:
        """Open the books for words of our own, which a booth has been asked to read aloud."""
        one = Rendition(self._entry(spoken.id, route.lane, now, EntryKind.ANNOUNCEMENT), spoken, route.channels)
        one.entry.ended_at = one.entry.committed_at = one.last_sign_at = now
        one.asked = True
        self.ledger.advance(one.entry, EntryState.COMMITTED)
        self.utterances[spoken.id] = spoken
        self._open[spoken.id, route.lane] = one
        self._enter(one, now, yields=True)

    def _enter(self, one: Rendition, now: float, *, yields: bool = False) -> None:
        for channel in one.channels:
            passage = FloorEntry(one.entry, now, channel, one.chair, yields, along=one.along)
            one.passages.append(passage)
            self.speaking.enter(passage)

    def begin_anew(self, one: Rendition, now: float) -> None:
        """The booth is asked again: none of what it has said has been heard, and none will be."""
        one.sound, one.sound_at, one.doubted, one.last_sign_at = 0, None, False, now
        for passage in one.passages:
            self.speaking.begin_anew(passage, now)

    # --- speaking -------------------------------------------------------------------------------------

    def voice(self, one: Rendition, pcm: bytes, now: float) -> None:
        """Bring sound to every channel that is still to hear it; account for it on all others."""
        entry = one.entry
        entry.received += len(pcm)
        one.sound += len(pcm)
        if one.sound_at is None:
            one.sound_at = now
        if entry.first_audio_at is None:
            entry.first_audio_at = now
        if entry.state is not EntryState.TRANSLATED:
            self.ledger.advance(entry, EntryState.TRANSLATED)
        reached = {passage.channel for passage in one.passages}
        for channel, playout in entry.playouts.items():
            if channel not in reached:
                playout.dropped += len(pcm)
        for passage in list(one.passages):
            self.speaking.audio(passage, pcm, now)
            while (excess := self.speaking.too_much(passage.channel)) is not None:
                self.silence(self._owner(excess), [excess], "queue_full")

    def legs(self, one: Rendition) -> list[Rendition]:
        """Those that interpret this interpretation."""
        return [leg for leg in self.of(one.spoken.id) if leg.via == one.lane and leg.entry.committed_at is None]

    def complete(self, one: Rendition) -> None:
        """No more will come: what there is is played to the end."""
        if one.sound and not one.channels:
            one.unheard = one.unheard or "relay"
        self.silence(one, [passage for passage in one.passages if passage.stage is FloorStage.WAITING], one.unheard)
        one.complete = True
        for passage in one.passages:
            passage.held_until = 0.0
            passage.pacer.finish()
        self._settle_if_over(one)

    def play(self, now: float, *, quiet: bool) -> None:
        """Play what is due on all channels."""
        for channel in list(self.speaking.floors):
            if not self._carried(channel):
                continue
            while (late := self.speaking.too_late(channel, now)) is not None:
                self.silence(self._owner(late), [late], "stale")
            passage = self.speaking.play(channel, now, quiet=quiet)
            if passage is not None:
                one = self._owner(passage)
                one.heard = True
                self._over(one, passage)
                self._settle_if_over(one)

    def _carried(self, channel: str) -> bool:
        """Whether the channel's media stream is there; listener channels need none."""
        carrier = stream(self.plan, channel)
        return carrier is None or carrier in self.streams

    def _owner(self, passage: FloorEntry) -> Rendition:
        return self._open[passage.entry.utterance, passage.entry.lane]

    def silence(self, one: Rendition, passages: Iterable[FloorEntry], reason: str) -> None:
        """These will be read, not heard; what may still come of them is not kept."""
        for passage in list(passages):
            self._over(one, passage)
            one.unheard = reason
        if one.complete:
            self._settle_if_over(one)

    def _over(self, one: Rendition, passage: FloorEntry) -> None:
        self.speaking.drop(passage)
        one.passages.remove(passage)

    # --- the books --------------------------------------------------------------------------------------

    def _entry(self, utterance: str, lane: Lane, now: float, kind: EntryKind) -> Entry:
        """Open the books, and have it written down that they are: should we die, somebody else closes them."""
        entry = self.ledger.open(utterance, lane, now, kind)
        self._out.append(Opened(lane, utterance))
        return entry

    def hush(self, reason: str, *, answered: bool = False) -> None:
        """Stop at once what is being said, and let go of what people have said before; with `answered`, only as far
        as its sound has come. People's own voices, on their way to another room, are not the interpreter's."""

        def meant(one: Rendition) -> bool:
            if any(passage.stage is not FloorStage.WAITING for passage in one.passages):
                return True
            return not answered and (one.spoken.ended_at is not None or bool(one.passages))

        self.abandon((one for one in self.all() if one.entry.kind is not EntryKind.PASSTHROUGH and meant(one)), reason)

    def abandon(self, renditions: Iterable[Rendition], reason: str) -> None:
        for one in list(renditions):
            if (one.spoken.id, one.lane) in self._open:
                self.cancel(one)
                self.settle(one, EntryState.ABANDONED, reason)

    def cancel(self, one: Rendition) -> None:
        for passage in list(one.passages):
            self._over(one, passage)
        if one.lane in self.booths:
            self._out.append(Cancel(one.lane, one.spoken.id))

    def _settle_if_over(self, one: Rendition) -> None:
        if not one.complete or one.passages or (one.spoken.id, one.lane) not in self._open:
            return
        if one.heard:
            self.settle(one, EntryState.SPOKEN, one.reason)
        else:
            text = self.captions.text(one.spoken.id, one.lane.target)
            self.settle(one, EntryState.CAPTION_ONLY if text else EntryState.ABANDONED, one.unheard)

    def settle(self, one: Rendition, state: EntryState, reason: str = "") -> None:
        """The only way into a final state."""
        del self._open[one.spoken.id, one.lane]
        for passage in list(one.passages):
            self._over(one, passage)
        self.ledger.advance(one.entry, state, reason)
        self.usage.count(one.entry)
        self.captions.close(one.spoken, one.lane.target, state.value)
        self._out.append(Settled(one.entry))
        if not one.complete:
            self.abandon(self.legs(one), "relay_failed")

    def follow(self, plan: RoomPlan, now: float) -> None:
        before, self.plan = self.plan.glossary, plan
        self.captions.transcript.stability = plan.stability
        self.usage.cap = plan.usage_cap
        if plan.glossary != before:
            self.captions.correct(self.utterances, before, plan.glossary, now)
        self.booths.follow(plan)

    # --- time ---------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        for one in self.all():
            deadline = _model_deadline(one)
            if deadline is not None and now >= deadline:
                self.abandon([one], "model_timeout")
        self.captions.show_what_is_due(self.utterances, now)

    def tidy(self, now: float) -> None:
        """Let go of what nobody asks about any more: idle booths, channels, and utterances whose every lane is settled
        and whose own words have come, or will not come."""
        self.booths.park(now)
        self.speaking.forget(channels(self.plan))
        for spoken in list(self.utterances.values()):
            if spoken.settled_at is None and not self.of(spoken.id):
                spoken.settled_at = now
            if spoken.settled_at is None:
                continue
            if spoken.source_text is not None or now >= spoken.settled_at + FOLLOW_UP_S:
                del self.utterances[spoken.id]
                self.captions.transcript.forget(spoken.id)

    def next_frame_at(self, now: float, *, quiet: bool) -> float | None:
        """When `play` has something to do."""
        deadlines = [
            self.speaking.deadline(channel, now, quiet=quiet)
            for channel in self.speaking.floors
            if self._carried(channel)
        ]
        return min((at for at in deadlines if at is not None), default=None)

    def deadline(self) -> float | None:
        """When `tick` or `tidy` has something to do."""
        deadlines = [_model_deadline(one) for one in self._open.values()]
        deadlines += [
            spoken.settled_at + FOLLOW_UP_S for spoken in self.utterances.values() if spoken.settled_at is not None
        ]
        deadlines += [self.captions.transcript.deadline(), self.booths.deadline()]
        return min((at for at in deadlines if at is not None), default=None)


def _model_deadline(one: Rendition) -> float | None:
    """When to give up waiting for the model; None while it is not its turn, or when it has said its last word."""
    committed_at = one.entry.committed_at
    if committed_at is None or one.complete:
        return None
    return max(committed_at, one.last_sign_at) + MODEL_PATIENCE_S
