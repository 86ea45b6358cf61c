"""The channels of a room: floor and lag of each, what is played when, and what becomes of each byte.

Interpretations take turns on a channel. Speakers' own voices (floor audio) do not: they are heard as they come, under
an interpretation if there is one, and together if several people speak.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.interpreting.effects import Effect, Play, StopPlaying, VoiceBegins, VoiceEnds
from bot.interpreting.endpointing import FRAME_MS
from bot.interpreting.ledger import ChannelPlayout, EntryKind
from bot.interpreting.playout.catch_up import VOICE_LIMIT_MS, CatchUp
from bot.interpreting.playout.floor import Floor, FloorEntry, FloorStage
from bot.interpreting.playout.lateness import Losses, surplus
from bot.interpreting.playout.pacer import FRAME_BYTES, Pacer

DRY_S = 2.5
"""Seconds a voice may break off for lack of sound; if the rest comes later, it is only read."""
DRY_SIMULTANEOUS_S = 5.0
"""`DRY_S` of a simultaneous voice, which is some seconds behind the speaker and pauses when the speaker does."""

FLOOR_HELD_MS = 500
"""Most of a speaker's own voice that waits on a channel: the beginning of a turn, which comes when it is known to be
speech, and jitter. Older audio is dropped."""


class Channels:
    """The channels of one room. Reports which passages are over; the caller decides what follows."""

    def __init__(self, out: list[Effect]) -> None:
        self.floors: dict[str, Floor] = {}
        self.lags: dict[str, CatchUp] = {}
        self.voices: dict[str, list[FloorEntry]] = {}
        """Speakers' own voices, by channel."""
        self._losses: dict[str, Losses] = {}
        self._played_from: dict[str, Pacer] = {}
        """What the last frame of each channel was taken from."""
        self._out = out

    @property
    def queued_ms(self) -> float:
        return sum(floor.queued_ms for floor in self.floors.values())

    def enter(self, passage: FloorEntry) -> None:
        """Give a passage its place on the floor of its channel."""
        channel = passage.channel
        if channel not in self.floors:
            self.floors[channel], self.lags[channel], self._losses[channel] = Floor(), CatchUp(), Losses()
            self.voices[channel] = []
        passage.entry.playouts.setdefault(channel, ChannelPlayout())
        if passage.own_voice:
            passage.stage = FloorStage.SPEAKING
            self.voices[channel].append(passage)
        else:
            self.floors[channel].enter(passage)

    def audio(self, passage: FloorEntry, pcm: bytes, now: float) -> None:
        """Queue a piece of voice."""
        if passage.own_voice:
            passage.pacer.push(pcm)
            passage.pacer.keep(FLOOR_HELD_MS)
            return
        floor = self.floors[passage.channel]
        floor.audio(passage, pcm, now)
        self.lags[passage.channel].observe(floor.lag_ms, now)

    def finish(self, passage: FloorEntry) -> None:
        """Note that no more voice comes."""
        if passage.own_voice:
            passage.pacer.finish()
        else:
            self.floors[passage.channel].finish(passage)

    def restart(self, passage: FloorEntry, now: float) -> None:
        """Discard what is queued: other sound will come in its place."""
        self.floors[passage.channel].restart(passage, now)

    def drop(self, passage: FloorEntry) -> None:
        """Take a passage off its floor, whatever its stage, and account for its voice."""
        floor = self.floors[passage.channel]
        if passage is floor.speaking and not passage.pacer.drained:
            self._out.append(StopPlaying(passage.channel))
        if passage.own_voice:
            passage.pacer.clear()
            self.voices[passage.channel].remove(passage)
        else:
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
        unwanted = [name for name in self.floors if name not in wanted]
        for channel in [name for name in unwanted if not self.floors[name].passages and not self.voices[name]]:
            del self.floors[channel], self.voices[channel], self.lags[channel], self._losses[channel]
            self._played_from.pop(channel, None)

    def too_much(self, channel: str, now: float) -> FloorEntry | None:
        """Return a passage to take off because its voice does not end, or another would be heard too late."""
        floor = self.floors[channel]
        endless = next(filter(_is_endless, floor.passages), None)
        if endless is not None:
            return endless
        late = surplus(floor, self._losses[channel], now)
        if late is not None:
            self._losses[channel].note(late, now, heard=False)
        return late

    def play(self, channel: str, now: float, *, quiet: bool) -> list[FloorEntry]:
        """Play what is due on a channel; returns the passages that have now been heard to their end."""
        floor, voices = self.floors[channel], self.voices[channel]
        begun = floor.next_turn(now, quiet=quiet)
        if begun is not None:
            self._losses[channel].note(begun, now, heard=True)
            if begun.entry.first_played_at is None:
                begun.entry.waited_ms = (now - begun.ready_at) * 1000
        passage = floor.speaking
        if passage is not None and not passage.pacer.dry:
            self._interpretation(channel, passage, now)
        elif voices:
            self._floor_audio(channel, now)
        over = [passage] if passage is not None and passage.pacer.drained else []
        return over + [voice for voice in voices if voice.pacer.drained] if voices else over

    def _interpretation(self, channel: str, passage: FloorEntry, now: float) -> None:
        """Play what is due of an interpretation, and what there is of speakers' own voices under it."""
        lag = self.lags[channel]
        frames = self._take(channel, passage, now, trim=lag.trimming)
        if not frames:
            return
        lag.observe(self.floors[channel].lag_ms, now)
        if not passage.entry.playouts[channel].played and passage.entry.kind is EntryKind.UTTERANCE:
            self._out.append(VoiceBegins(channel, passage.entry.lane))
        for pcm in frames:
            own = self._beside(channel, passage, now)
            self._out.append(Play(channel, pcm, tuple(own.values()), tuple(own)))
        _count(passage, len(frames), now)

    def _floor_audio(self, channel: str, now: float) -> None:
        """Play what is due of the first of the speakers' own voices, and what there is of the others with it."""
        lead = self._lead(channel)
        for pcm in self._take(channel, lead, now) if lead is not None else ():
            assert lead is not None
            speaker = lead.entry.lane.speaker
            own = {speaker: pcm} | self._beside(channel, lead, now)
            alone, together = (pcm, ()) if len(own) == 1 else (b"", tuple(own.values()))
            self._out.append(Play(channel, alone, together, tuple(own)))
            _count(lead, 1, now)

    def _take(self, channel: str, passage: FloorEntry, now: float, *, trim: bool = False) -> list[bytes]:
        """Take the frames that are due; the first not before the last frame of another voice is over."""
        before = self._played_from.get(channel)
        if before is not passage.pacer:
            self._played_from[channel] = passage.pacer
            passage.pacer.not_before(now if before is None else max(now, before.free_at))
        return passage.pacer.take(now, trim=trim)

    def _beside(self, channel: str, passage: FloorEntry, now: float) -> dict[str, bytes]:
        """Take a frame of each of the speakers' own voices but this one; by raw id."""
        found = {}
        for voice in self._speakers(channel):
            if voice is not passage and (pcm := voice.pacer.take_with(now)):
                _count(voice, 1, now)
                found[voice.entry.lane.speaker] = pcm
        return found

    def _lead(self, channel: str) -> FloorEntry | None:
        """Return the first of the speakers' own voices that has a frame to play."""
        return next((voice for voice in self._speakers(channel) if not voice.pacer.dry), None)

    def _speakers(self, channel: str) -> Iterable[FloorEntry]:
        """Return each speaker's own voice: one utterance to its end, and then what they have gone on to say."""
        voices = self.voices[channel]
        if len(voices) < 2:
            return voices
        first: dict[str, FloorEntry] = {}
        for voice in voices:
            first.setdefault(voice.entry.lane.speaker, voice)
        return first.values()

    def broken_off(self, channel: str, now: float) -> FloorEntry | None:
        """Return the voice being heard if it has broken off for too long."""
        speaking = self.floors[channel].speaking
        expires_at = _expires_at(speaking)
        return speaking if expires_at is not None and now >= expires_at else None

    def deadline(self, channel: str, now: float, *, quiet: bool) -> float | None:
        """When `play` or `broken_off` has something to do."""
        floor = self.floors[channel]
        frame_at, expires_at = floor.deadline(now, quiet=quiet), _expires_at(floor.speaking)
        due_at = expires_at if frame_at is None else frame_at
        speaking = floor.speaking
        if (
            self.voices[channel]
            and (speaking is None or speaking.pacer.dry)
            and (lead := self._lead(channel)) is not None
        ):
            lead_at = lead.pacer.deadline(now)
            return lead_at if due_at is None or (lead_at is not None and lead_at < due_at) else due_at
        return due_at


def _is_endless(passage: FloorEntry) -> bool:
    """Return whether so much of a voice is still to be heard that the model does not stop talking."""
    return passage.pacer.queued_ms > max(VOICE_LIMIT_MS, 2 * passage.said_ms)


def _count(passage: FloorEntry, frames: int, now: float) -> None:
    """Note that frames of a passage are heard."""
    entry, playout = passage.entry, passage.entry.playouts[passage.channel]
    entry.last_played_at = now
    if entry.first_played_at is None:
        entry.first_played_at = now
    playout.played += frames * FRAME_BYTES
    entry.played_ms = max(entry.played_ms, playout.played // FRAME_BYTES * FRAME_MS)


def _expires_at(speaking: FloorEntry | None) -> float | None:
    """When a voice will have broken off for too long; None while there is a frame to play."""
    if speaking is None or not speaking.pacer.dry or speaking.pacer.drained or speaking.entry.committed_at is None:
        return None
    limit_s = DRY_SIMULTANEOUS_S if speaking.simultaneous else DRY_S
    return max(speaking.pacer.free_at, speaking.entry.committed_at) + limit_s
