"""One call: its participants and bots, and what each of them hears at every tick."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.leg import Leg, Movable
from emulator.acs.calls.mixer import Mix, added
from emulator.acs.wire.callback_events import CONVERSATION_ENDED, HUNG_UP, Result, participant
from emulator.acs.wire.media_messages import audio_message, speaker_part
from emulator.acs.wire.resampling import BYTES_PER_FRAME, FRAME_MS, SILENCE, RateConverter
from emulator.clock import monotonic, wall
from emulator.faults import FaultPlan
from emulator.randomness import randbelow, token_urlsafe, uuid4

# About -47 dB, clearly louder than a quiet room; used only to show who speaks.
_SPEAKING_RMS = 150.0
_SPEAKING_HOLD_S = 0.3
# Ticks between two roster messages: at most ten messages a second.
_ROSTER_TICKS = 5


class CallObserver(Protocol):
    """Is notified of what happens in a call."""

    def call_started(self, call: RoomCall, by: Leg) -> None: ...
    def leg_added(self, call: RoomCall, leg: Leg) -> None: ...
    def leg_removed(self, call: RoomCall, leg: Leg, reason: str) -> None: ...
    def call_over(self, call: RoomCall) -> None:
        """Handle the end of the call; no further tick follows."""


class RoomCall:
    """A call, from the first join until the last participant or bot has left."""

    def __init__(
        self,
        room_id: str | None,
        started_by: Leg | None,
        observer: CallObserver,
        faults: FaultPlan,
        *,
        two_party: bool = False,
    ) -> None:
        """Args: room_id: None for a call outside rooms; two_party: one person calls one other."""
        self.room_id = room_id
        self.two_party = two_party
        self.group_id = uuid4()
        self.correlation_id = uuid4()
        self.started_at = monotonic()
        self.started_by = started_by
        conversation = token_urlsafe(16)
        # As in the service, Call Automation and Event Grid name the same call by different addresses.
        self.server_call_id = _base64(
            "https://api.flightproxy.skype.com/api/v2/cp/conv-emul-01.conv.skype.com/conv/"
            f"{conversation}?i=0&e={randbelow(10**18)}"
        )
        self.event_grid_id = _base64(f"https://conv-emul-01.conv.skype.net:443/conv/{conversation}?i=0").rstrip("=")
        self.over = False
        self._observer = observer
        self._faults = faults
        self._legs: dict[str, Leg] = {}
        self._bots: dict[str, CallConnection] = {}
        self._on_hold: set[str] = set()
        self._wall_offset = wall() - monotonic()
        self._voice_parts: dict[str, bytes] = {}
        self._narrow: dict[str, RateConverter] = {}
        self._spoke_at: dict[str, float] = {}
        self._ticks = 0
        self._last_roster: bytes = b""
        self._alone_since: float | None = None

    # --- who is in it -----------------------------------------------------------------------------

    @property
    def legs(self) -> list[Leg]:
        """All participants except bots, in order of joining."""
        return list(self._legs.values())

    @property
    def bots(self) -> list[CallConnection]:
        """The bots that are connected."""
        return list(self._bots.values())

    def participants(self) -> Iterable[dict[str, Any]]:
        """Return CallParticipant of everybody whom bots see."""
        people = [self.participant(leg) for leg in self._legs.values()]
        if self._faults.switches.bot_in_participants:
            people += [participant(bot.raw_id, bot.muted) for bot in self._bots.values()]
        return people

    def participant(self, leg: Leg) -> dict[str, Any]:
        """Return CallParticipant of a participant."""
        return participant(leg.raw_id, leg.muted, leg.leg_id in self._on_hold)

    def present(self, raw_id: str) -> bool:
        """Return whether a user is in the call."""
        return self.find(raw_id) is not None

    def find(self, raw_id: str) -> Leg | None:
        """Return the leg of a user, or None."""
        return next((leg for leg in self._legs.values() if leg.raw_id == raw_id), None)

    def join(self, leg: Leg) -> None:
        """Add a participant. An earlier leg of the same user is replaced: the client has reconnected."""
        earlier = self.find(leg.raw_id)
        if earlier is not None:
            self.leave(earlier, "replaced")
        self._legs[leg.leg_id] = leg
        self._voice_parts[leg.leg_id] = speaker_part(leg.raw_id)
        self._alone_since = None
        self._last_roster = b""
        self._observer.leg_added(self, leg)
        self._tell_bots()

    def arrive(self, leg: Leg) -> None:
        """Take in a leg that was rung or moved; it is dropped if the call has ended."""
        if self.over:
            leg.drop("call ended")
            return
        self.join(leg)
        if isinstance(leg, Movable):
            leg.enter(self)

    def leave(self, leg: Leg, reason: str) -> None:
        """Remove a leg; does nothing if it is not in the call. With the reason `moved` it continues in another call."""
        if self._legs.pop(leg.leg_id, None) is None:
            return
        self._voice_parts.pop(leg.leg_id, None)
        self._narrow.pop(leg.leg_id, None)
        self._spoke_at.pop(leg.leg_id, None)
        self._on_hold.discard(leg.leg_id)
        if reason != "moved":
            leg.drop(reason)
        self._observer.leg_removed(self, leg, reason)
        self._tell_bots()
        if reason == "replaced" or self.over:
            return
        if self._legs:
            if self.two_party and not self._bots and len(self._legs) == 1:
                self.end()  # a caller alone
            return
        if not self._bots:
            self.end()
        elif self.room_id is None or self._faults.switches.last_human_leaves == "call_ends":
            self.end()
        else:
            self._alone_since = monotonic()

    def mute(self, leg: Leg, muted: bool) -> None:
        """Mute or unmute a participant."""
        if leg.muted != muted:
            leg.muted = muted
            self._tell_bots()

    def hold(self, leg: Leg, held: bool) -> None:
        """Put a participant on hold, neither heard nor hearing the others, or resume."""
        if held != (leg.leg_id in self._on_hold):
            (self._on_hold.add if held else self._on_hold.discard)(leg.leg_id)
            self._tell_bots()

    def press(self, leg: Leg, tone: str) -> None:
        """Pass on a key that a participant pressed; `tone` is the service's word for it."""
        if leg.leg_id in self._legs:
            for bot in self.bots:
                bot.tone_pressed(leg.raw_id, tone)

    def admit(self, connection: CallConnection) -> None:
        """Add a bot; if the call ended while it was dialling, it leaves at once."""
        if self.over:
            connection.end(Result(200, 7000, CONVERSATION_ENDED))
            return
        self._bots[connection.leg_id] = connection
        self._voice_parts[connection.leg_id] = connection.voice_part
        if not self._legs:
            self._alone_since = monotonic()

    def dismiss(self, connection: CallConnection, result: Result) -> None:
        """Remove a bot; its connection ends with this result."""
        self._bots.pop(connection.leg_id, None)
        self._voice_parts.pop(connection.leg_id, None)
        self._narrow.pop(connection.leg_id, None)
        connection.end(result)
        if not self._legs and not self._bots:
            self.end()

    def end(self, by: CallConnection | None = None) -> None:
        """End the call for everybody. `by` is the bot that asked for it."""
        if self.over:
            return
        self.over = True
        for bot in self.bots:  # first, so that they get no event for each participant who leaves
            self.dismiss(bot, Result(200, 7000, HUNG_UP if bot is by else CONVERSATION_ENDED))
        for leg in self.legs:
            self.leave(leg, "call ended")
        self._observer.call_over(self)

    # --- each 20 ms -------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Mix one frame of everybody and send it to everybody."""
        self._ticks += 1
        legs, bots = self.legs, self.bots
        parties: list[Leg | CallConnection] = [*legs, *bots]
        frames = [party.speak(now) for party in parties]
        for index, party in enumerate(parties):
            if party.muted or party.leg_id in self._on_hold:
                frames[index] = None
        mix = Mix(frames)
        asides = self._asides(bots)
        for index, leg in enumerate(legs):
            frame = SILENCE if leg.leg_id in self._on_hold else mix.without(index)
            for aside in asides.get(leg.raw_id, ()):
                frame = added(frame, aside)
            leg.hear(frame)
        for party, level in zip(parties, mix.levels, strict=True):
            if level >= _SPEAKING_RMS:
                self._spoke_at[party.leg_id] = now
        if any(bot.listening for bot in bots):
            self._stream(now, parties, frames, mix)
        if self._ticks % _ROSTER_TICKS == 0:
            self._tell_roster(now)
        if self._alone_since is not None and now - self._alone_since >= self._faults.switches.alone_limit_s:
            self.end()

    @staticmethod
    def _asides(bots: list[CallConnection]) -> dict[str, list[bytes]]:
        """Return what is played to single participants in this tick, by raw id."""
        found: dict[str, list[bytes]] = {}
        for bot in bots:
            for targets, frame in bot.asides:
                for target in targets:
                    found.setdefault(target, []).append(frame)
        return found

    def failed(self, error: Exception) -> None:
        """End the call after an error in its tick."""
        self.end()

    def _stream(self, now: float, parties: list[Leg | CallConnection], frames: list[bytes | None], mix: Mix) -> None:
        """Send this tick's frames to every bot that listens."""
        switches = self._faults.switches
        moment = datetime.fromtimestamp(now + self._wall_offset, UTC)
        timestamp = moment.isoformat(timespec="milliseconds")[:23].encode()
        made: dict[tuple[int, str], bytes] = {}
        narrowed: dict[str, bytes] = {}

        def sound(place: int, rate: int) -> bytes:
            pcm = frames[place] or SILENCE
            if rate == 16_000:
                leg_id = parties[place].leg_id
                if leg_id not in narrowed:
                    narrowed[leg_id] = self._to_16k(leg_id, pcm)
                pcm = narrowed[leg_id]
            return pcm

        def message(place: int, rate: int) -> bytes:
            leg_id = parties[place].leg_id
            known = made.get((rate, leg_id))
            if known is None:
                silent = mix.levels[place] < switches.silence_rms
                known = audio_message(timestamp, self._voice_parts[leg_id], sound(place, rate), silent)
                made[rate, leg_id] = known
            return known

        def batched(bot: CallConnection, leg_id: str, pcm: bytes, silent: bool, part: bytes) -> Iterable[bytes]:
            found = bot.batches.add(leg_id, timestamp, part, pcm, silent, switches.media_frame_ms // FRAME_MS)
            return () if found is None else (found,)

        places = {party.leg_id: place for place, party in enumerate(parties)}
        for bot in self._bots.values():
            media, stream = bot.audio.options, bot.audio.stream
            if not bot.listening or stream is None or media is None:
                continue
            own = places[bot.leg_id]
            if not media.unmixed:
                pcm = mix.everyone() if switches.echo_bot else mix.without(own)
                silent = pcm == SILENCE
                if media.rate == 16_000:
                    pcm = self._to_16k("mixed " + bot.leg_id, pcm)
                part = speaker_part(None, null=switches.mixed_participant_id == "null")
                if not (silent and switches.silent_frames == "omitted"):
                    stream.audio(now, *batched(bot, "", pcm, silent, part))
                continue
            levels = {
                party.leg_id: mix.levels[place]
                for place, party in enumerate(parties)
                if (place != own or switches.echo_bot) and not (party.muted and switches.muted_participants == "absent")
            }
            chosen = bot.dominant.choose(levels, switches.dominant_speakers)
            if switches.silent_frames == "omitted":
                chosen = [leg_id for leg_id in chosen if levels[leg_id] >= switches.silence_rms]
            if switches.media_frame_ms == FRAME_MS and switches.streams_per_participant == 1:
                stream.audio(now, *[message(places[leg_id], media.rate) for leg_id in chosen])
                continue
            nothing = bytes(BYTES_PER_FRAME[media.rate])
            messages: list[bytes] = []
            for leg_id in chosen:
                place, part = places[leg_id], self._voice_parts[leg_id]
                silent = mix.levels[place] < switches.silence_rms
                messages += batched(bot, leg_id, sound(place, media.rate), silent, part)
                for number in range(1, switches.streams_per_participant):
                    messages += batched(bot, f"{leg_id} {number}", nothing, True, part)
            stream.audio(now, *messages)

    def _to_16k(self, stream: str, pcm: bytes) -> bytes:
        converter = self._narrow.get(stream)
        if converter is None:
            converter = self._narrow[stream] = RateConverter(24_000, 16_000)
        return converter.frame(pcm)

    # --- notifications ----------------------------------------------------------------------------------

    def _tell_bots(self) -> None:
        for bot in self.bots:
            bot.participants_changed()

    def _tell_roster(self, now: float) -> None:
        """Send the roster to everybody if it has changed."""
        parties: list[Leg | CallConnection] = [*self._legs.values(), *self._bots.values()]
        people = [
            {
                "id": party.raw_id,
                "display_name": party.display_name,
                "muted": party.muted,
                "speaking": now - self._spoke_at.get(party.leg_id, float("-inf")) < _SPEAKING_HOLD_S,
            }
            for party in parties
        ]
        roster = orjson.dumps({"type": "roster", "participants": people})
        if roster != self._last_roster:
            self._last_roster = roster
            for leg in self._legs.values():
                leg.tell(roster)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
