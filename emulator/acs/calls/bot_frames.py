"""What bots hear of a call on their media sockets, tick by tick: everybody mixed, or the loudest apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from emulator.acs.calls.actions.utterances import LOUD
from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.leg import Party
from emulator.acs.calls.mixer import Mix, added
from emulator.acs.wire.media_messages import audio_message, speaker_part
from emulator.acs.wire.options import MediaOptions
from emulator.acs.wire.resampling import BYTES_PER_FRAME, FRAME_MS, SILENCE, RateConverter
from emulator.clock import monotonic, wall
from emulator.faults import FaultPlan

# What is played to single participants in a tick: by their raw id and the leg id of the bot that plays it.
Asides = dict[str, dict[str, bytes]]


def asides_of(bots: Iterable[CallConnection]) -> Asides:
    """Return what bots play to single participants in this tick."""
    found: Asides = {}
    for bot in bots:
        for targets, frame in bot.asides:
            for target in targets:
                played = found.setdefault(target, {})
                played[bot.leg_id] = added(played[bot.leg_id], frame) if bot.leg_id in played else frame
    return found


class BotFrames:
    """The frames that one call sends to its bots."""

    def __init__(self, faults: FaultPlan) -> None:
        self.faults = faults
        self._wall_offset = wall() - monotonic()
        self._parts: dict[str, bytes] = {}
        self._narrow: dict[str, RateConverter] = {}

    def forget(self, leg_id: str) -> None:
        """Forget a participant or bot that has left."""
        self._parts.pop(leg_id, None)
        self._narrow = {stream: each for stream, each in self._narrow.items() if leg_id not in stream}

    def send(
        self, now: float, parties: Sequence[Party], frames: Sequence[bytes | None], mix: Mix, asides: Asides
    ) -> None:
        """Send one tick's frames to every bot that listens."""
        moment = datetime.fromtimestamp(now + self._wall_offset, UTC)
        tick = _Tick(self, moment.isoformat(timespec="milliseconds")[:23].encode(), parties, frames, mix, asides)
        for place, bot in enumerate(parties):
            if isinstance(bot, CallConnection) and bot.listening and bot.audio.stream is not None:
                media = bot.audio.options
                assert media is not None
                messages = tick.apart(bot, place, media) if media.unmixed else tick.mixed(bot, place, media)
                if messages is not None:
                    bot.audio.stream.audio(now, *messages)

    def part(self, party: Party) -> bytes:
        """Return the part of a message that names the speaker."""
        known = self._parts.get(party.leg_id)
        if known is None:
            known = self._parts[party.leg_id] = speaker_part(party.raw_id)
        return known

    def to_16k(self, stream: str, pcm: bytes) -> bytes:
        """Return the next frame of a stream at 16 kHz. The name of a stream holds the ids of its legs."""
        converter = self._narrow.get(stream)
        if converter is None:
            converter = self._narrow[stream] = RateConverter(24_000, 16_000)
        return converter.frame(pcm)


class _Tick:
    """One tick of a call."""

    def __init__(
        self,
        call: BotFrames,
        timestamp: bytes,
        parties: Sequence[Party],
        frames: Sequence[bytes | None],
        mix: Mix,
        asides: Asides,
    ) -> None:
        self._call = call
        self._switches = call.faults.switches
        self._timestamp = timestamp
        self._parties = parties
        self._frames = frames
        self._mix = mix
        self._asides = asides
        self._places = {party.leg_id: place for place, party in enumerate(parties)}
        # Frames at 16 kHz, and whole messages by rate, which are the same for every bot.
        self._narrowed: dict[str, bytes] = {}
        self._made: dict[tuple[int, str], bytes] = {}

    def mixed(self, bot: CallConnection, place: int, media: MediaOptions) -> list[bytes] | None:
        """Return the messages to a bot that hears everybody mixed; None for a tick left out."""
        switches = self._switches
        pcm = self._mix.everyone() if switches.echo_bot else self._mix.without(place)
        for aside in self._asides.get(bot.raw_id, {}).values():
            pcm = added(pcm, aside)
        silent = pcm == SILENCE
        if media.rate == 16_000:
            pcm = self._call.to_16k("mixed " + bot.leg_id, pcm)
        if silent and switches.silent_frames == "omitted":
            return None
        return self._batched(bot, "", pcm, silent, speaker_part(None, null=switches.mixed_participant_id == "null"))

    def apart(self, bot: CallConnection, place: int, media: MediaOptions) -> list[bytes]:
        """Return the messages to a bot that hears the loudest participants apart."""
        switches, asides = self._switches, self._asides.get(bot.raw_id, {})
        absent = switches.muted_participants == "absent"
        levels = {
            party.leg_id: self._mix.levels[number]
            for number, party in enumerate(self._parties)
            if (number != place or switches.echo_bot) and not (party.muted and absent)
        }
        levels |= dict.fromkeys(asides, LOUD)
        chosen = bot.dominant.choose(levels, switches.dominant_speakers)
        if switches.silent_frames == "omitted":
            chosen = [leg_id for leg_id in chosen if levels[leg_id] >= switches.silence_rms]
        if switches.media_frame_ms == FRAME_MS and switches.streams_per_participant == 1:
            return [self._message(bot, leg_id, media.rate, asides.get(leg_id)) for leg_id in chosen]
        nothing = bytes(BYTES_PER_FRAME[media.rate])
        messages: list[bytes] = []
        for leg_id in chosen:
            part = self._call.part(self._parties[self._places[leg_id]])
            messages += self._batched(bot, leg_id, *self._heard(bot, leg_id, media.rate, asides.get(leg_id)), part)
            for number in range(1, switches.streams_per_participant):
                messages += self._batched(bot, f"{leg_id} {number}", nothing, True, part)
        return messages

    def _message(self, bot: CallConnection, leg_id: str, rate: int, aside: bytes | None) -> bytes:
        known = self._made.get((rate, leg_id)) if aside is None else None
        if known is None:
            part = self._call.part(self._parties[self._places[leg_id]])
            known = audio_message(self._timestamp, part, *self._heard(bot, leg_id, rate, aside))
            if aside is None:
                self._made[rate, leg_id] = known
        return known

    def _heard(self, bot: CallConnection, leg_id: str, rate: int, aside: bytes | None) -> tuple[bytes, bool]:
        """Return what a bot hears of a party, with what the party plays to it alone, and whether that is silence."""
        place = self._places[leg_id]
        pcm = self._frames[place] or SILENCE
        if aside is not None:
            pcm = added(pcm, aside)
            return (pcm if rate != 16_000 else self._call.to_16k(f"{leg_id} to {bot.leg_id}", pcm)), False
        if rate == 16_000:
            if leg_id not in self._narrowed:
                self._narrowed[leg_id] = self._call.to_16k(leg_id, pcm)
            pcm = self._narrowed[leg_id]
        return pcm, self._mix.levels[place] < self._switches.silence_rms

    def _batched(self, bot: CallConnection, leg_id: str, pcm: bytes, silent: bool, part: bytes) -> list[bytes]:
        frames = self._switches.media_frame_ms // FRAME_MS
        found = bot.batches.add(leg_id, self._timestamp, part, pcm, silent, frames)
        return [] if found is None else [found]
