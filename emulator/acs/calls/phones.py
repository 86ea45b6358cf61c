"""Rings the phones of users and telephone numbers; `api.phone_api` serves the sockets of users' phones."""

from __future__ import annotations

import asyncio
from typing import Protocol

from emulator.acs.calls.leg import EnteredCall, Leg
from emulator.acs.calls.offers import Offer, Offers
from emulator.acs.wire.callback_events import Result
from emulator.acs.wire.resampling import SILENCE
from emulator.faults import FaultPlan
from emulator.randomness import uuid4

# SIP codes; the service's own sub-codes for them are not published.
DECLINED = Result(603, 0, "The participant declined the invitation.")
BUSY = Result(486, 0, "The participant is busy.")
FORBIDDEN = Result(403, 0, "The participant may not be called.")
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
    """One attempt to ring a user, until one of the user's phones or a bot answers, or the caller gives up."""

    def __init__(self, raw_id: str, caller: str, caller_name: str) -> None:
        self.id = uuid4()
        self.raw_id = raw_id
        self.caller = caller
        self.caller_name = caller_name
        self._answer: asyncio.Future[Leg | Result | None] = asyncio.get_running_loop().create_future()

    def accept(self, leg: Leg | None) -> bool:
        """Accept the call and return whether the caller still waited. None: a bot has answered and joins by itself."""
        if self._answer.done():
            return False
        self._answer.set_result(leg)
        return True

    def refuse(self, result: Result) -> None:
        """Refuse the call, unless it has been answered."""
        if not self._answer.done():
            self._answer.set_result(result)

    async def wait(self, timeout_s: float) -> Leg | None:
        """Return the leg of the phone that answers, or None if a bot has.

        Raises:
            NoAnswer: declined, or not answered in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._answer
        except TimeoutError as error:
            raise NoAnswer(UNANSWERED) from error
        if isinstance(answer, Result):
            raise NoAnswer(answer)
        return answer


class Phone(Protocol):
    """A client that can be rung."""

    def ring(self, ring: Ring) -> None:
        """Begin to ring."""

    def stop_ringing(self, ring: Ring) -> None:
        """Stop ringing: answered elsewhere, or given up."""


class Phones:
    """The phones of all users that are connected now. What rings is offered to bots as well."""

    def __init__(self, faults: FaultPlan, offers: Offers) -> None:
        self._faults = faults
        self._offers = offers
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

    async def ring(
        self,
        raw_id: str,
        caller: str,
        caller_name: str,
        call: EnteredCall,
        timeout_s: float | None = None,
        *,
        own_number: bool = False,
    ) -> Leg | None:
        """Ring a user or number and return the leg that answers, or None for a bot, which joins by itself.

        Cancelling stops the ringing.

        Args:
            call: the call that is answered.
            timeout_s: how long to ring; None takes the switch `ring_s`.
            own_number: a telephone number is the resource's, for bots to answer.

        Raises:
            NoAnswer: declined, busy, or not answered in time.
        """
        limit = self._faults.switches.ring_s if timeout_s is None else timeout_s
        if raw_id.startswith("4:") and not own_number:
            return await self._dial_out(raw_id, limit)
        ring = Ring(raw_id, caller, caller_name)
        self._ringing.setdefault(raw_id, []).append(ring)
        for phone in list(self._at_hand.get(raw_id, [])):
            phone.ring(ring)
        try:
            with self._offers.open(Offer(caller, caller_name, raw_id, call, ring)):
                return await ring.wait(limit)
        finally:
            ring.refuse(DECLINED)
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
