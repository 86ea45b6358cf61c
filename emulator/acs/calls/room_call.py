"""One call: its participants and bots, and what each of them hears at every tick."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Protocol

import orjson

from emulator.acs.calls.actions.utterances import LOUD
from emulator.acs.calls.bot_frames import BotFrames, asides_of
from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.leg import Leg, Movable, Party
from emulator.acs.calls.mixer import Mix, added
from emulator.acs.wire.callback_events import CONVERSATION_ENDED, HUNG_UP, REMOVED, Result, participant
from emulator.acs.wire.resampling import SILENCE
from emulator.clock import monotonic
from emulator.faults import FaultPlan
from emulator.randomness import randbelow, token_urlsafe, uuid4

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
        group_id: str | None = None,
    ) -> None:
        """Args: room_id: None for a call outside rooms; two_party: one person calls one other; group_id: a new one."""
        self.room_id = room_id
        self.two_party = two_party
        self.group_id = group_id or uuid4()
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
        self._bot_frames = BotFrames(faults)
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
        return [self.participant(party) for party in self._listed()]

    def participant(self, party: Party) -> dict[str, Any]:
        """Return CallParticipant of a participant."""
        return participant(party.raw_id, party.muted, party.leg_id in self._on_hold)

    def present(self, raw_id: str) -> bool:
        """Return whether a participant is in the call."""
        return self.find_party(raw_id) is not None

    def find_party(self, raw_id: str) -> Party | None:
        """Return the participant of that id, a person or a bot that is listed, or None."""
        return next((party for party in self._listed() if party.raw_id == raw_id), None)

    def find(self, raw_id: str) -> Leg | None:
        """Return the leg of a user, or None."""
        return next((leg for leg in self._legs.values() if leg.raw_id == raw_id), None)

    def join(self, leg: Leg) -> None:
        """Add a participant. An earlier leg of the same user is replaced: the client has reconnected."""
        earlier = self.find(leg.raw_id)
        if earlier is not None:
            self.leave(earlier, "replaced")
        self._legs[leg.leg_id] = leg
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
        self._bot_frames.forget(leg.leg_id)
        self._spoke_at.pop(leg.leg_id, None)
        self._on_hold.discard(leg.leg_id)
        for bot in self._bots.values():
            bot.departed(leg.raw_id)
        if reason != "moved":
            leg.drop(reason)
        self._observer.leg_removed(self, leg, reason)
        self._tell_bots()
        if reason == "replaced" or self.over:
            return
        if self.room_id is None:
            self._end_if_alone()
        elif not self._legs:
            if not self._bots or self._faults.switches.last_human_leaves == "call_ends":
                self.end()
            self._alone_since = monotonic()

    def remove(self, party: Party) -> None:
        """Remove a participant at a bot's request."""
        bot = self._bots.get(party.leg_id)
        if bot is not None:
            self.dismiss(bot, Result(200, 5300, REMOVED))
        elif party.leg_id in self._legs:
            self.leave(self._legs[party.leg_id], "removed")

    def mute(self, party: Party, muted: bool) -> None:
        """Mute or unmute a participant."""
        if party.muted != muted:
            party.muted = muted
            self._tell_bots()

    def hold(self, party: Party, held: bool) -> None:
        """Put a participant on hold, neither heard nor hearing the others, or resume."""
        if held != (party.leg_id in self._on_hold):
            (self._on_hold.add if held else self._on_hold.discard)(party.leg_id)
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
        if not self._legs:
            self._alone_since = monotonic()
        if connection in self._listed():
            self._tell_bots(but=connection)  # its own first events say the same

    def dismiss(self, connection: CallConnection, result: Result) -> None:
        """Remove a bot; its connection ends with this result."""
        missed = connection in self._listed()
        self._bots.pop(connection.leg_id, None)
        self._bot_frames.forget(connection.leg_id)
        connection.end(result)
        if missed and not self.over:
            self._tell_bots()
        self._end_if_alone()

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

    def _listed(self) -> list[Party]:
        """Return everybody whom bots see."""
        all_bots = self._faults.switches.bot_in_participants
        return [*self._legs.values(), *(bot for bot in self._bots.values() if bot.listed or all_bots)]

    def _end_if_alone(self) -> None:
        """End the call when nobody is left, or nobody to talk to: in a call of two, or where only a bot stays."""
        left = len(self._legs) + len(self._bots)
        if not left or (left == 1 and self.room_id is None and (self.two_party or not self._legs)):
            self.end()

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
        asides = asides_of(bots)
        for index, leg in enumerate(legs):
            frame = SILENCE if leg.leg_id in self._on_hold else mix.without(index)
            for aside in asides.get(leg.raw_id, {}).values():
                frame = added(frame, aside)
            leg.hear(frame)
        for party, level in zip(parties, mix.levels, strict=True):
            if level >= LOUD:
                self._spoke_at[party.leg_id] = now
        for bot in bots:
            if bot.attentive:
                for party, said, level in zip(parties, frames, mix.levels, strict=True):
                    if party is not bot:
                        bot.overheard(party.raw_id, said, level)
        if any(bot.listening for bot in bots):
            self._bot_frames.send(now, parties, frames, mix, asides)
        if self._ticks % _ROSTER_TICKS == 0:
            self._tell_roster(now)
        alone_since = None if self.room_id is None and len(self._bots) > 1 else self._alone_since
        if alone_since is not None and now - alone_since >= self._faults.switches.alone_limit_s:
            self.end()

    def failed(self, error: Exception) -> None:
        """End the call after an error in its tick."""
        self.end()

    # --- notifications ----------------------------------------------------------------------------------

    def _tell_bots(self, but: CallConnection | None = None) -> None:
        for bot in self.bots:
            if bot is not but:
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
