"""Rings the phones of users and telephone numbers; `api.phone_api` serves the sockets of users' phones."""

from __future__ import annotations

import asyncio
from typing import Protocol

from emulator.acs.calls.leg import Leg
from emulator.acs.wire.callback_events import Result
from emulator.acs.wire.resampling import SILENCE
from emulator.faults import FaultPlan
from emulator.randomness import uuid4

# SIP codes; the service's own sub-codes for them are not published.
DECLINED = Result(603, 0, "The participant declined the invitation.")
BUSY = Result(486, 0, "The participant is busy.")
UNANSWERED = Result(408, 0, "The participant did not answer in time.")


class NoAnswer(Exception):
    """Ringing a user or number failed.

    Attributes:
        result: the reason, as events carry it.
    """

    def __init__(self, result: Result) -> None:
        super().__init__(result.message)
        self.result = result


class QuietLeg:
    """A phone of the public network: silent in the call, counts what it hears."""

    def __init__(self, raw_id: str) -> None:
        self.leg_id = uuid4()
        self.raw_id = raw_id
        self.display_name = raw_id.removeprefix("4:")
        self.muted = False
        self.heard_sound = 0

    def speak(self, now: float) -> bytes | None:
        return None

    def hear(self, frame: bytes) -> None:
        self.heard_sound += frame is not SILENCE and frame != SILENCE

    def tell(self, message: bytes) -> None:
        pass

    def drop(self, reason: str) -> None:
        pass


class Ring:
    """One attempt to ring a user, until one of the user's phones answers or the caller gives up."""

    def __init__(self, raw_id: str, caller: str, caller_name: str) -> None:
        self.id = uuid4()
        self.raw_id = raw_id
        self.caller = caller
        self.caller_name = caller_name
        self._answer: asyncio.Future[Leg | None] = asyncio.get_running_loop().create_future()

    def accept(self, leg: Leg) -> bool:
        """Accept the call and return whether the caller still waited."""
        if self._answer.done():
            return False
        self._answer.set_result(leg)
        return True

    def decline(self) -> None:
        """Decline the call."""
        if not self._answer.done():
            self._answer.set_result(None)

    async def wait(self, timeout_s: float) -> Leg:
        """Return the leg of the phone that answers.

        Raises:
            NoAnswer: declined, or not answered in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                leg = await self._answer
        except TimeoutError as error:
            raise NoAnswer(UNANSWERED) from error
        if leg is None:
            raise NoAnswer(DECLINED)
        return leg


class Phone(Protocol):
    """A client that can be rung."""

    def ring(self, ring: Ring) -> None:
        """Begin to ring."""

    def stop_ringing(self, ring: Ring) -> None:
        """Stop ringing: answered elsewhere, or given up."""


class Phones:
    """The phones of all users that are connected now."""

    def __init__(self, faults: FaultPlan) -> None:
        self._faults = faults
        self._at_hand: dict[str, list[Phone]] = {}
        self._ringing: dict[str, list[Ring]] = {}

    def add(self, raw_id: str, phone: Phone) -> None:
        """Add a phone; it rings at once if its user is being rung."""
        self._at_hand.setdefault(raw_id, []).append(phone)
        for ring in self._ringing.get(raw_id, []):
            phone.ring(ring)

    def remove(self, raw_id: str, phone: Phone) -> None:
        """Remove a phone that has disconnected."""
        phones = self._at_hand.get(raw_id, [])
        if phone in phones:
            phones.remove(phone)
        if not phones:
            self._at_hand.pop(raw_id, None)

    async def ring(self, raw_id: str, caller: str, caller_name: str, timeout_s: float | None = None) -> Leg:
        """Ring a user or number and return the leg that answers. Cancelling stops the ringing.

        Args: timeout_s: how long to ring; None takes the switch `ring_s`.

        Raises:
            NoAnswer: declined, busy, or not answered in time.
        """
        limit = self._faults.switches.ring_s if timeout_s is None else timeout_s
        if raw_id.startswith("4:"):
            return await self._dial_out(raw_id, limit)
        ring = Ring(raw_id, caller, caller_name)
        self._ringing.setdefault(raw_id, []).append(ring)
        for phone in list(self._at_hand.get(raw_id, [])):
            phone.ring(ring)
        try:
            return await ring.wait(limit)
        finally:
            ring.decline()
            self._ringing[raw_id].remove(ring)
            if not self._ringing[raw_id]:
                del self._ringing[raw_id]
            for phone in list(self._at_hand.get(raw_id, [])):
                phone.stop_ringing(ring)

    async def _dial_out(self, number: str, limit: float) -> Leg:
        """Dial a telephone number; the switch `phone_numbers` decides what happens."""
        match self._faults.switches.phone_numbers:
            case "busy":
                raise NoAnswer(BUSY)
            case "ring_out":
                await asyncio.sleep(limit)
                raise NoAnswer(UNANSWERED)
            case "answer":
                return QuietLeg(number)
