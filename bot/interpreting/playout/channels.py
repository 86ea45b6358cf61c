"""The channels of a room: floor and lag of each, what is played when, and what becomes of each byte."""

from __future__ import annotations

from collections.abc import Iterable

from bot.interpreting.effects import Effect, Play, StopPlaying, VoiceBegins, VoiceEnds
from bot.interpreting.endpointing import FRAME_MS
from bot.interpreting.ledger import ChannelPlayout, EntryKind
from bot.interpreting.playout.catch_up import VOICE_LIMIT_MS, CatchUp
from bot.interpreting.playout.floor import Floor, FloorEntry
from bot.interpreting.playout.lateness import Losses, surplus

DRY_S = 2.5
"""Seconds a voice may break off for lack of sound; if the rest comes later, it is only read."""
DRY_SIMULTANEOUS_S = 5.0
"""`DRY_S` of a simultaneous voice, which is some seconds behind the speaker and pauses when the speaker does."""


class Channels:
    """The channels of one room. Reports which passages are over; the caller decides what follows."""

    def __init__(self, out: list[Effect]) -> None:
        self.floors: dict[str, Floor] = {}
        self.lags: dict[str, CatchUp] = {}
        self._losses: dict[str, Losses] = {}
        self._out = out

    @property
    def queued_ms(self) -> float:
        return sum(floor.queued_ms for floor in self.floors.values())

    def enter(self, passage: FloorEntry) -> None:
        """Give a passage its place on the floor of its channel."""
        channel = passage.channel
        if channel not in self.floors:
            self.floors[channel], self.lags[channel], self._losses[channel] = Floor(), CatchUp(), Losses()
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

    def lag(self, passages: Iterable[FloorEntry]) -> CatchUp | None:
        """Return the lag of the channel that lags least, of those on which an interpretation is about to be heard.

        One voice is heard on all of them, so that nobody hears it hurried because another channel is crowded.
        """
        lags = [self.lags[passage.channel] for passage in passages]
        return min(lags, key=lambda lag: lag.level, default=None)

    def expect(self, passage: FloorEntry, now: float) -> None:
        """Note how long a passage will have to wait that an interpretation is asked for."""
        self.lags[passage.channel].observe(self.floors[passage.channel].wait_ms(passage, now), now)

    def forget(self, wanted: tuple[str, ...]) -> None:
        """Forget channels that are not wanted, once their floor is empty."""
        for channel in [name for name, floor in self.floors.items() if name not in wanted and not floor.passages]:
            del self.floors[channel], self.lags[channel], self._losses[channel]

    def too_much(self, channel: str, now: float) -> FloorEntry | None:
        """Return a passage to take off because its voice does not end, or another would be heard too late."""
        floor = self.floors[channel]
        endless = next((passage for passage in floor.passages if passage.pacer.queued_ms > VOICE_LIMIT_MS), None)
        if endless is not None:
            return endless
        late = surplus(floor, self._losses[channel], now)
        if late is not None:
            self._losses[channel].note(late, now, heard=False)
        return late

    def play(self, channel: str, now: float, *, quiet: bool) -> FloorEntry | None:
        """Play what is due on a channel; returns the passage that has now been heard to its end, if any."""
        floor, lag = self.floors[channel], self.lags[channel]
        begun = floor.next_turn(now, quiet=quiet)
        if begun is not None:
            self._losses[channel].note(begun, now, heard=True)
            if begun.entry.first_played_at is None:
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

    def broken_off(self, channel: str, now: float) -> FloorEntry | None:
        """Return the voice being heard if it has broken off for too long."""
        speaking = self.floors[channel].speaking
        expires_at = _expires_at(speaking)
        return speaking if expires_at is not None and now >= expires_at else None

    def deadline(self, channel: str, now: float, *, quiet: bool) -> float | None:
        """When `play` or `broken_off` has something to do."""
        floor = self.floors[channel]
        frame_at, expires_at = floor.deadline(now, quiet=quiet), _expires_at(floor.speaking)
        return expires_at if frame_at is None else frame_at


def _expires_at(speaking: FloorEntry | None) -> float | None:
    """When a voice will have broken off for too long; None while there is a frame to play."""
    if speaking is None or not speaking.pacer.dry or speaking.pacer.drained or speaking.entry.committed_at is None:
        return None
    limit_s = DRY_SIMULTANEOUS_S if speaking.simultaneous else DRY_S
    return max(speaking.pacer.free_at, speaking.entry.committed_at) + limit_s
