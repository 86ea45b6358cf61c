"""Who can be rung, and what becomes of ringing them; the sockets behind phones are `phone_api`'s."""

from __future__ import annotations

import asyncio
from typing import Protocol

from emulator.acs.calls.leg import Leg
from emulator.acs.wire.callback_events import Result
from emulator.acs.wire.resampling import SILENCE
from emulator.faults import FaultPlan
from emulator.randomness import uuid4

# The codes of SIP; the service's own sub-codes for them are not published.
DECLINED = Result(603, 0, "The participant declined the invitation.")
BUSY = Result(486, 0, "The participant is busy.")
UNANSWERED = Result(408, 0, "The participant did not answer in time.")


class NoAnswer(Exception):
    """Somebody was rung in vain.

    Attributes:
        result: why.
    """

    def __init__(self, result: Result) -> None:
        super().__init__(result.message)
        self.result = result


class QuietLeg:
    """A phone of the public network: in the call, silent, counting what it hears."""

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
    """Somebody is rung, until one of their phones answers or nobody waits any more."""

    def __init__(self, raw_id: str, caller: str, caller_name: str) -> None:
        self.id = uuid4()
        self.raw_id = raw_id
        self.caller = caller
        self.caller_name = caller_name
        self._answer: asyncio.Future[Leg | None] = asyncio.get_running_loop().create_future()

    def accept(self, leg: Leg) -> bool:
        """Answer it; whether anybody was waiting for that still."""
        if self._answer.done():
            return False
        self._answer.set_result(leg)
        return True

    def decline(self) -> None:
        """Answer that there will be no answer."""
        if not self._answer.done():
            self._answer.set_result(None)

    async def wait(self, patience_s: float) -> Leg:
        """Whoever answers.

        Raises:
            NoAnswer: nobody does.
        """
        try:
            async with asyncio.timeout(patience_s):
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
        """That one need not be answered any more, here at least."""


class Phones:
    """The phones of everybody who has one at hand."""

    def __init__(self, faults: FaultPlan) -> None:
        self._faults = faults
        self._at_hand: dict[str, list[Phone]] = {}
        self._ringing: dict[str, list[Ring]] = {}

    def add(self, raw_id: str, phone: Phone) -> None:
        """A phone is there; it rings if its owner is being rung."""
        self._at_hand.setdefault(raw_id, []).append(phone)
        for ring in self._ringing.get(raw_id, []):
            phone.ring(ring)

    def remove(self, raw_id: str, phone: Phone) -> None:
        """A phone is gone."""
        phones = self._at_hand.get(raw_id, [])
        if phone in phones:
            phones.remove(phone)
        if not phones:
            self._at_hand.pop(raw_id, None)

    async def ring(self, raw_id: str, caller: str, caller_name: str, patience_s: float | None = None) -> Leg:
        """Whoever answers for this user or number; nobody rings any more when this is cancelled.

        Args: patience_s: how long to ring; None takes the switch `ring_s`.

        Raises:
            NoAnswer: nobody does.
        """
        limit = self._faults.switches.ring_s if patience_s is None else patience_s
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
        """The public network, as the switch `phone_numbers` has it."""
        match self._faults.switches.phone_numbers:
            case "busy":
                raise NoAnswer(BUSY)
            case "ring_out":
                await asyncio.sleep(limit)
                raise NoAnswer(UNANSWERED)
            case "answer":
                return QuietLeg(number)
