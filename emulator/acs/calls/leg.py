"""What a call needs of everybody's line in it; the lines themselves are sockets, robots and phones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from emulator.acs.calls.room_call import RoomCall


class Leg(Protocol):
    """One person's line in the call."""

    leg_id: str
    raw_id: str
    display_name: str
    muted: bool

    def speak(self, now: float) -> bytes | None:
        """This tick's 960 bytes; None says nothing."""

    def hear(self, frame: bytes) -> None:
        """What everybody else said in this tick. Must not block."""

    def tell(self, message: bytes) -> None:
        """A JSON message about the call."""

    def drop(self, reason: str) -> None:
        """The call has let go of this leg."""


@runtime_checkable
class Movable(Protocol):
    """A leg that has to know which call it is in."""

    def enter(self, call: RoomCall) -> None:
        """It is in this call now."""


def arrive(leg: Leg, call: RoomCall) -> None:
    """Somebody who was rung, or is moved, comes into a call."""
    if call.over:
        leg.drop("call ended")
        return
    call.join(leg)
    if isinstance(leg, Movable):
        leg.enter(call)
