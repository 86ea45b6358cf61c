"""Each utterance in each lane, from the first word heard to exactly one final state.

    heard ─Interpret─► committed ─text, audio─► translated ─its passages, one per channel─► spoken

Every utterance ends in exactly one final state, whatever the booth, the call or the admin does: each way out goes
through `settle`.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.interpreting.booths import Booths
from bot.interpreting.captions import Captions, Utterance
from bot.interpreting.effects import Cancel, Effect, Hear, Opened, Pace, Settled
from bot.interpreting.ledger import Entry, EntryKind, EntryState, Ledger
from bot.interpreting.plan import RoomPlan
from bot.interpreting.playout.channels import Channels
from bot.interpreting.playout.floor import FloorEntry, FloorStage
from bot.interpreting.playout.pacer import from_first_sound
from bot.interpreting.rendition import OpenRenditions, Rendition
from bot.interpreting.routing import Route, channels, stream
from bot.interpreting.usage_meter import CAPTIONS_ONLY, UsageMeter

READ_ONLY = "read_only"
"""Reason in the ledger of an interpretation that is only read because nobody in the call hears its language."""
AWAY = "channel_away"
"""Why a rendition is not heard on a channel that no media stream carries."""


class Renditions:
    """Takes each rendition of one room on its way."""

    def __init__(
        self, plan: RoomPlan, out: list[Effect], usage: UsageMeter, booths: Booths, captions: Captions
    ) -> None:
        self._plan = plan
        self._out = out
        self._usage = usage
        self._booths = booths
        self._captions = captions
        self._ledger = Ledger()
        self._channels = Channels(out)
        self._streams: set[str] = set()
        """Media streams that can carry a voice."""
        self.listened = frozenset[str]()  # channels to which somebody outside the call listens
        self.open = OpenRenditions()

    def entries(self) -> list[Entry]:
        """Return the open entries of the ledger."""
        return self._ledger.entries()

    @property
    def queued_ms(self) -> float:
        """Interpretation still to be heard, over all channels."""
        return self._channels.queued_ms

    # --- hearing -------------------------------------------------------------------------------

    def begin(self, spoken: Utterance, route: Route, pcm: bytes, now: float) -> None:
        """Open an entry for one lane, and let its booth hear the beginning of the utterance."""
        lane = route.lane
        self._booths.voiceless = CAPTIONS_ONLY if self._usage.reached else ""
        refused = "" if lane.passthrough else self._booths.need(route, now)
        kind = EntryKind.PASSTHROUGH if lane.passthrough else EntryKind.UTTERANCE
        rendition = self._add(spoken, route, kind, now)
        if route.passed_through and spoken.voice is None:
            spoken.voice = bytearray(pcm)
        if lane.passthrough:
            rendition.asked = True
            self._enter(rendition, now)
            self._pass(rendition, from_first_sound(pcm), spoken.age_s, now)
            return
        if refused:
            self.settle(rendition, EntryState.ABANDONED, refused)
            return
        rendition.entry.engine = self._booths.engine(lane)
        if rendition.entry.engine == "captions":
            rendition.channels, rendition.unheard = (), "degraded"
        if not route.spoken or self._booths.voiceless:
            rendition.channels, rendition.unheard = (), self._booths.voiceless or READ_ONLY
        if route.via is not None:
            if self.open.find(route.via, spoken.id) is None:
                self.abandon([rendition], "relay_failed")
            return
        if not lane.typed:
            rendition.entry.heard += len(pcm)
            self._out.append(Hear(lane, spoken.id, pcm))
        rendition.simultaneous = self._booths.simultaneous(lane)
        if rendition.simultaneous:
            rendition.asked = True
            self._enter(rendition, now)

    def hear(self, utterance: str, pcm: bytes) -> None:
        """Let the booths hear the next piece of an utterance."""
        renditions = self.open.of(utterance)
        if renditions and (kept := renditions[0].spoken.voice) is not None:
            kept += pcm
        for rendition in renditions:
            uncommitted = rendition.entry.committed_at is None and not rendition.complete
            if uncommitted and rendition.via is None and rendition.entry.kind is not EntryKind.PASSTHROUGH:
                rendition.entry.heard += len(pcm)
                self._out.append(Hear(rendition.lane, utterance, pcm))
                if rendition.simultaneous:
                    self._pace(rendition)

    def _pace(self, rendition: Rendition) -> None:
        """Let a booth know of the pace it should take on, while the speaker still speaks."""
        lag = self._channels.lag(rendition.passages)
        if lag is None or not self._booths.set_pace(rendition.lane, lag.speed, condensed=lag.condensing):
            return
        rendition.entry.speed = lag.speed
        rendition.entry.condensed = rendition.entry.condensed or lag.condensing
        self._out.append(Pace(rendition.lane, lag.speed, lag.condensing))

    def pass_through(self, utterance: str, pcm: bytes, age_s: float, now: float) -> None:
        """Let others hear the speaker's own voice, frame by frame."""
        for rendition in [one for one in self.open.of(utterance) if one.lane.passthrough and not one.complete]:
            self._pass(rendition, pcm, age_s, now)

    def _pass(self, rendition: Rendition, pcm: bytes, age_s: float, now: float) -> None:
        if age_s:  # it was held up on its way: the meeting has gone on
            rendition.unheard = "stale"
            rendition.entry.received += len(pcm)
            for playout in rendition.entry.playouts.values():
                playout.dropped += len(pcm)
        else:
            self.voice(rendition, pcm, now)

    def commit(self, spoken: Utterance, patience_ms: int, now: float) -> None:
        """End the speaker's turn: the booths that hear the speaker are asked to interpret."""
        for rendition in self.open.of(spoken.id):
            rendition.entry.ended_at = spoken.ended_at
            rendition.entry.patience_ms = patience_ms
            if rendition.entry.kind is EntryKind.PASSTHROUGH:
                rendition.entry.committed_at = now
                if not rendition.lane.passthrough and spoken.voice is not None:
                    self.voice(rendition, bytes(spoken.voice[rendition.sound_bytes :]), now)
                self.complete(rendition)
            elif rendition.via is None:
                self.ask(rendition, now)

    def pass_original(self, rendition: Rendition, now: float) -> None:
        """Let people who do not hear the speaker hear the utterance as it was said, in place of an interpretation."""
        spoken, entry = rendition.spoken, rendition.entry
        if rendition.lane in self._booths:
            self._out.append(Cancel(rendition.lane, spoken.id))
        self.abandon(self.open.legs(rendition), "relay_failed")
        for passage in list(rendition.passages):
            self._take_off(rendition, passage)
        entry.kind, rendition.channels, rendition.asked = EntryKind.PASSTHROUGH, rendition.passed_through, True
        self._enter(rendition, now)
        self.voice(rendition, bytes(spoken.voice or b""), now)
        if spoken.ended_at is not None:
            self.complete(rendition)

    def ask(self, rendition: Rendition, now: float) -> None:
        """Ask the booth to interpret what it has heard."""
        entry = rendition.entry
        entry.committed_at = rendition.last_sign_at = now
        if rendition.complete:
            return
        if entry.state is EntryState.HEARD:
            self._ledger.advance(entry, EntryState.COMMITTED)
        if not rendition.asked:
            rendition.asked = True
            self._enter(rendition, now)
        for passage in rendition.passages:
            self._channels.expect(passage, now)
        lag, condensed = self._channels.lag(rendition.passages), entry.condensed
        if lag is not None:
            entry.speed, condensed = lag.speed, lag.condensing
            entry.condensed = entry.condensed or condensed
        self._out.append(rendition.request(condensed=condensed))

    def restart(self, rendition: Rendition, now: float) -> None:
        """Discard what the booth has said, none of which has been heard: the booth is asked again."""
        rendition.sound_bytes, rendition.sound_at, rendition.last_sign_at = 0, None, now
        rendition.letters = rendition.judged_letters = 0
        rendition.for_legs.clear()
        rendition.heard_out_until = rendition.doubted_until = 0.0
        for passage in rendition.passages:
            self._channels.restart(passage, now)

    def say(self, spoken: Utterance, route: Route, now: float) -> Entry:
        """Open and return an entry for the interpreter's own words, which a booth was asked to read aloud."""
        self._captions.begin(spoken)
        rendition = self._add(spoken, route, EntryKind.ANNOUNCEMENT, now)
        rendition.entry.ended_at = rendition.entry.committed_at = rendition.last_sign_at = now
        rendition.asked = True
        self._ledger.advance(rendition.entry, EntryState.COMMITTED)
        self._enter(rendition, now, yields=True)
        return rendition.entry

    def _add(self, spoken: Utterance, route: Route, kind: EntryKind, now: float) -> Rendition:
        """Open an entry, and say so: if this process dies, another one settles it."""
        lane = route.lane
        entry = self._ledger.open(spoken.id, lane, spoken.began_at, kind)
        self._out.append(Opened(lane, spoken.id))
        self._booths.begin_work(lane)
        chair = spoken.speaker == self._plan.chair
        rendition = Rendition(entry, spoken, route.channels, route.passed_through, route.via, chair=chair)
        self.open.add(rendition)
        return rendition

    def _enter(self, rendition: Rendition, now: float, *, yields: bool = False) -> None:
        """Give the rendition its place on the floor of each of its channels that are carried now."""
        for channel in rendition.channels:
            if not self.carried(channel):
                rendition.unheard = AWAY
                continue
            passage = FloorEntry(
                rendition.entry, now, channel, rendition.chair, yields, simultaneous=rendition.simultaneous
            )
            rendition.passages.append(passage)
            self._channels.enter(passage)

    # --- speaking ------------------------------------------------------------------------------

    def voice(self, rendition: Rendition, pcm: bytes, now: float) -> None:
        """Queue sound on the channels that still hear the rendition, and count it as dropped on the others.

        Silence before the first sound is dropped: alone it is no interpretation.
        """
        entry = rendition.entry
        entry.received += len(pcm)
        interpreted = entry.kind is not EntryKind.PASSTHROUGH
        if interpreted and not rendition.sound_bytes and not from_first_sound(pcm):
            for playout in entry.playouts.values():
                playout.dropped += len(pcm)
            return
        rendition.sound_bytes += len(pcm)
        if rendition.sound_at is None:
            rendition.sound_at = now
        if entry.first_audio_at is None:
            entry.first_audio_at = now
        if entry.state is not EntryState.TRANSLATED:
            self._ledger.advance(entry, EntryState.TRANSLATED)
        reached = {passage.channel for passage in rendition.passages}
        for channel, playout in entry.playouts.items():
            if channel not in reached:
                playout.dropped += len(pcm)
        for passage in list(rendition.passages):
            self._channels.audio(passage, pcm, now)
            if not passage.own_voice:
                self._leave_out(passage.channel, now)

    def complete(self, rendition: Rendition) -> None:
        """Note the booth's last word: what there is is played to its end."""
        if rendition.sound_bytes and not rendition.channels:
            rendition.unheard = rendition.unheard or "relay"
        rendition.heard_out_until = rendition.doubted_until = 0.0  # also when the speaker's words come later
        for passage in rendition.passages:
            passage.held_until = 0.0
            self._channels.finish(passage)
        waiting = [passage for passage in rendition.passages if passage.stage is FloorStage.WAITING]
        self.silence(rendition, waiting, rendition.unheard)
        if not rendition.complete:
            rendition.complete = True
            self._booths.end_work(rendition.lane)
        self._settle_if_over(rendition)

    def silence(self, rendition: Rendition, passages: Iterable[FloorEntry], reason: str) -> None:
        """Take passages off the floor: they are read, not heard, and sound that still comes for them is dropped."""
        for passage in list(passages):
            self._take_off(rendition, passage)
            rendition.unheard = reason
        if rendition.complete:
            self._settle_if_over(rendition)

    def play(self, now: float, *, quiet: bool) -> bool:
        """Play what is due on all channels; returns whether that settled a rendition."""
        before = len(self._ledger)
        for channel in list(self._channels.floors):
            broken_off = self._channels.broken_off(channel, now)
            if broken_off is not None:
                self.silence(self.open.owner(broken_off), [broken_off], "stale")
            if self._channels.floors[channel].speaking is None:
                self._leave_out(channel, now)
            for passage in self._channels.play(channel, now, quiet=quiet):
                rendition = self.open.owner(passage)
                rendition.heard = rendition.heard or passage.entry.playouts[channel].played > 0
                self._take_off(rendition, passage)
                self._settle_if_over(rendition)
        return len(self._ledger) < before

    def _leave_out(self, channel: str, now: float) -> None:
        """Take off a channel what would be heard too late."""
        while (excess := self._channels.too_much(channel, now)) is not None:
            self.silence(self.open.owner(excess), [excess], "queue_full")

    def set_stream(self, name: str, *, ready: bool) -> None:
        """Note whether a media stream can carry a voice; what should be heard on one that cannot is read."""
        (self._streams.add if ready else self._streams.discard)(name)
        self._read_where_away()

    def _read_where_away(self) -> None:
        """Take off their floors the passages whose channel no media stream carries now: nobody knows for how long."""
        for rendition in self.open.all():
            away = [passage for passage in rendition.passages if not self.carried(passage.channel)]
            if away:
                self.silence(rendition, away, AWAY)

    def carried(self, channel: str) -> bool:
        """Return whether the channel's media stream is ready; what is heard outside the call needs none."""
        carrier = stream(self._plan, channel)
        return carrier is None or carrier in self._streams or channel in self.listened

    def _take_off(self, rendition: Rendition, passage: FloorEntry) -> None:
        self._channels.drop(passage)
        rendition.passages.remove(passage)

    # --- the end -------------------------------------------------------------------------------

    def hush(self, reason: str, *, sounding_only: bool = False, spare: str = "") -> None:
        """Stop the interpretation of what has been said so far, except voices that are passed through to other rooms.

        Args:
            reason: goes into the ledger.
            sounding_only: spare renditions whose first sound has not come.
            spare: whose words go on being heard.
        """
        for rendition in self.open.all():
            spared = rendition.entry.kind is EntryKind.PASSTHROUGH or rendition.spoken.speaker == spare
            if not spared and (rendition.sounding or (not sounding_only and rendition.expected_to_be_heard)):
                self.abandon([rendition], reason)

    def abandon(self, renditions: Iterable[Rendition], reason: str) -> None:
        for rendition in renditions:
            self.withdraw(rendition, EntryState.ABANDONED, reason)

    def withdraw(self, rendition: Rendition, state: EntryState, reason: str) -> None:
        """Make the booth forget a rendition, and settle it; does nothing if it is settled already."""
        if not self.open.has(rendition):
            return
        for passage in list(rendition.passages):
            self._take_off(rendition, passage)
        if rendition.lane in self._booths:
            self._out.append(Cancel(rendition.lane, rendition.spoken.id))
        self.settle(rendition, state, reason)

    def settle(self, rendition: Rendition, state: EntryState, reason: str = "") -> None:
        """Move a rendition into its final state: the only way there."""
        self.open.remove(rendition)
        for passage in list(rendition.passages):
            self._take_off(rendition, passage)
        rendition.entry.faults += rendition.spoken.flags
        self._ledger.advance(rendition.entry, state, reason)
        self._usage.count(rendition.entry)
        if state is not EntryState.NOT_NEEDED:
            self.finish_caption(rendition)
        self._captions.close(rendition.spoken, rendition.lane.target, state.value)
        self._out.append(Settled(rendition.entry))
        if not rendition.complete:
            self._booths.end_work(rendition.lane)
            self.abandon(self.open.legs(rendition), "relay_failed")

    def finish_caption(self, rendition: Rendition) -> None:
        """Make a complete caption final that was not yet, because it might have been the speaker's own words."""
        flags, rendition.final_flags = rendition.final_flags, None
        if flags is not None:
            self._captions.finish(rendition.spoken, rendition.lane.target, flags)

    def _settle_if_over(self, rendition: Rendition) -> None:
        if not rendition.complete or rendition.passages or not self.open.has(rendition):
            return
        if rendition.heard:
            self.settle(rendition, EntryState.SPOKEN, rendition.reason)
        else:
            text = self._captions.text(rendition.spoken.id, rendition.lane.target)
            self.settle(rendition, EntryState.CAPTION_ONLY if text else EntryState.ABANDONED, rendition.unheard)

    # --- the plan and the clock ----------------------------------------------------------------

    def follow(self, plan: RoomPlan) -> None:
        """Apply a changed plan to utterances that begin from now on."""
        self._plan = plan
        self._read_where_away()

    def tick(self, now: float) -> None:
        """Abandon the renditions whose model has given no sign for `MODEL_PATIENCE_S`."""
        for rendition in self.open.all():
            if rendition.model_due_at is not None and now >= rendition.model_due_at:
                self.abandon([rendition], "model_timeout")

    def tidy(self, now: float) -> None:
        """Forget utterances, and channels the plan no longer has, once nothing more will come of them."""
        self._channels.forget(channels(self._plan))
        self._captions.forget(now, self.open)

    def next_frame_at(self, now: float, *, quiet: bool) -> float | None:
        """When `play` has something to do."""
        deadlines = (self._channels.deadline(channel, now, quiet=quiet) for channel in self._channels.floors)
        return min((at for at in deadlines if at is not None), default=None)

    def deadline(self) -> float | None:
        """When `tick` has something to do."""
        deadlines = (rendition.model_due_at for rendition in self.open.all())
        return min((at for at in deadlines if at is not None), default=None)
