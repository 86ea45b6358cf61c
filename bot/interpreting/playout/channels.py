"""The channels of a room: floor and lag of each, what is played when, and what becomes of each byte."""

from __future__ import annotations

from bot.interpreting.effects import Effect, Play, StopPlaying, VoiceBegins, VoiceEnds
from bot.interpreting.endpointing import FRAME_MS
from bot.interpreting.ledger import ChannelPlayout, EntryKind
from bot.interpreting.playout.catch_up import VOICE_LIMIT_MS, WAITING_LIMIT_MS, WAITING_LIMIT_S, CatchUp
from bot.interpreting.playout.floor import Floor, FloorEntry, FloorStage

DRY_S = 2.5
"""Seconds a voice may break off for lack of sound; if the rest comes later, it is only read."""
DRY_SIMULTANEOUS_S = 5.0
"""`DRY_S` of a simultaneous voice, which is some seconds behind the speaker and pauses when the speaker does."""


class Channels:
    """The channels of one room. Reports which passages are over; the caller decides what follows."""

    def __init__(self, out: list[Effect]) -> None:
        self.floors: dict[str, Floor] = {}
        self.lags: dict[str, CatchUp] = {}
        self._out = out

    @property
    def queued_ms(self) -> float:
        return sum(floor.queued_ms for floor in self.floors.values())

    def enter(self, passage: FloorEntry) -> None:
        """Give a passage its place on the floor of its channel."""
        channel = passage.channel
        if channel not in self.floors:
            self.floors[channel], self.lags[channel] = Floor(), CatchUp()
        passage.entry.playouts.setdefault(channel, ChannelPlayout())
        self.floors[channel].enter(passage)

    def audio(self, passage: FloorEntry, pcm: bytes, now: float) -> None:
        """Queue a piece of voice."""
        floor = self.floors[passage.channel]
        floor.audio(passage, pcm, now)
        self.lags[passage.channel].observe(floor.lag_ms, now)

    def finish(self, passage: FloorEntry) -> None:
        """Note that no more voice comes."""
        self.floors[passage.channel].finish(passage)

    def restart(self, passage: FloorEntry, now: float) -> None:
        """Discard what is queued: other sound will come in its place."""
        self.floors[passage.channel].restart(passage, now)

    def drop(self, passage: FloorEntry) -> None:
        """Take a passage off its floor, whatever its stage, and account for its voice."""
        floor = self.floors[passage.channel]
        if passage is floor.speaking and not passage.pacer.drained:
            self._out.append(StopPlaying(passage.channel))
        floor.drop(passage)
        playout = passage.entry.playouts[passage.channel]
        if playout.played and passage.entry.kind is EntryKind.UTTERANCE:
            self._out.append(VoiceEnds(passage.channel, passage.entry.lane))
        playout.trimmed += passage.pacer.trimmed_bytes
        playout.dropped += passage.pacer.dropped_bytes

    def speed(self, channels: tuple[str, ...]) -> float:
        """Return the speed of the next interpretation for these channels."""
        return max((self.lags[channel].speed for channel in channels if channel in self.lags), default=1.0)

    def forget(self, wanted: tuple[str, ...]) -> None:
        """Forget channels that are not wanted, once their floor is empty."""
        for channel in [name for name, floor in self.floors.items() if name not in wanted and not floor.passages]:
            del self.floors[channel], self.lags[channel]

    def too_much(self, channel: str) -> FloorEntry | None:
        """Return a passage to take off because too much is queued; None if there is none.

        It is the passage that has waited longest and is not being heard, or a passage whose voice does not end.
        """
        floor = self.floors[channel]
        endless = next((passage for passage in floor.passages if passage.pacer.queued_ms > VOICE_LIMIT_MS), None)
        if endless is not None or floor.waiting_ms <= WAITING_LIMIT_MS:
            return endless
        waiting = [passage for passage in floor.passages if passage.stage is FloorStage.READY]
        return min(waiting, key=lambda passage: passage.ready_at)

    def play(self, channel: str, now: float, *, quiet: bool) -> FloorEntry | None:
        """Play what is due on a channel; returns the passage that has now been heard to its end, if any."""
        floor, lag = self.floors[channel], self.lags[channel]
        begun = floor.next_turn(now, quiet=quiet)
        if begun is not None and begun.entry.first_played_at is None:
            begun.entry.waited_ms = (now - begun.ready_at) * 1000
        passage = floor.speaking
        if passage is None:
            return None
        frames = passage.pacer.take(now, trim=lag.trimming)
        if frames:
            lag.observe(floor.lag_ms, now)
            entry, playout = passage.entry, passage.entry.playouts[channel]
            entry.last_played_at = now
            if entry.first_played_at is None:
                entry.first_played_at = now
            if not playout.played and entry.kind is EntryKind.UTTERANCE:
                self._out.append(VoiceBegins(channel, entry.lane))
            playout.played += sum(map(len, frames))
            entry.played_ms = max(entry.played_ms, playout.played // len(frames[0]) * FRAME_MS)
            self._out += [Play(channel, pcm) for pcm in frames]
        return passage if passage.pacer.drained else None

    def too_late(self, channel: str, now: float) -> FloorEntry | None:
        """Return a passage that has waited, or broken off, for too long; None if there is none."""
        for passage in self.floors[channel].passages:
            expires_at = _expires_at(passage)
            if expires_at is not None and now >= expires_at:
                return passage
        return None

    def deadline(self, channel: str, now: float, *, quiet: bool) -> float | None:
        """When `play` or `too_late` has something to do."""
        floor = self.floors[channel]
        deadlines = [floor.deadline(now, quiet=quiet), *map(_expires_at, floor.passages)]
        return min((at for at in deadlines if at is not None), default=None)


def _expires_at(passage: FloorEntry) -> float | None:
    """When a passage has waited, or broken off, for too long."""
    if passage.stage is FloorStage.READY:
        return passage.ready_at + WAITING_LIMIT_S
    pacer, committed_at = passage.pacer, passage.entry.committed_at
    if passage.stage is FloorStage.SPEAKING and pacer.dry and not pacer.drained and committed_at is not None:
        return max(pacer.free_at, committed_at) + (DRY_SIMULTANEOUS_S if passage.simultaneous else DRY_S)
    return None
