"""Ends what nobody attends: a room whose speakers by browser are gone for a while, one without a call that has expired.

Who is in a call is reported by ACS; who is there by browser is known by the open microphones.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from bot.calls.state_machine import CallTrigger
from bot.interpreting.plan import RoomPlan
from bot.live_room.microphones import Microphones

IDLE_S = 60.0
"""How long a room waits for its speakers to come back by browser, in seconds: a phone that changes networks, a page
that is loaded again, or a replica that is lost takes less."""


class Attendance:
    """Watches the microphones of one room. `watch` must be running."""

    def __init__(
        self,
        microphones: Microphones,
        plan: RoomPlan,
        *,
        expected: bool,
        is_attended: Callable[[], bool],
        happen: Callable[[CallTrigger, str], object],
        wall_clock: Callable[[], float],
    ) -> None:
        """Args:
        expected: whether somebody may be about to come by browser: to a room without a call, or back to a room that
            another replica had.
        is_attended: whether people are in the call.
        """
        self._microphones = microphones
        self._plan = plan
        self._is_attended = is_attended
        self._happen = happen
        self._wall_clock = wall_clock
        self._changed = asyncio.Event()
        self._expected = expected
        """Whether somebody may come, or come back."""
        microphones.watch(self._changed.set)

    @property
    def waiting(self) -> bool:
        """Whether somebody is there by browser, or has just left and may come back."""
        return self._expected or bool(self._microphones.speakers)

    def follow(self, plan: RoomPlan) -> None:
        """Apply a changed plan."""
        self._plan = plan
        self._changed.set()

    async def watch(self) -> None:
        """Report that the room is to be left; return then. Safe to cancel."""
        while True:
            self._changed.clear()
            here = bool(self._microphones.speakers)
            self._expected = self.waiting
            idle_s = IDLE_S if self._expected and not here else math.inf
            open_s = self._plan.open_until - self._wall_clock()
            try:
                async with asyncio.timeout(None if idle_s == open_s == math.inf else max(0.0, min(idle_s, open_s))):
                    await self._changed.wait()
            except TimeoutError:
                if open_s <= idle_s:
                    self._happen(CallTrigger.ROOM_DELETED, "room_expired")
                    return
                if not self._is_attended():
                    self._happen(CallTrigger.EVERYBODY_LEFT, "everybody_left")
                    return
                self._expected = False
