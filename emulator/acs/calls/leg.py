"""Protocols between a call and the participants' lines in it: sockets, robots and phones."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Party(Protocol):
    """Whoever is in a call: a person's line, or a bot's connection."""

    leg_id: str
    raw_id: str
    display_name: str
    muted: bool

    def speak(self, now: float) -> bytes | None:
        """Return this tick's 960 bytes, or None for silence."""


class Leg(Party, Protocol):
    """One person's line in the call."""

    def hear(self, frame: bytes) -> None:
        """Take what everybody else said in this tick. Must not block."""

    def tell(self, message: bytes) -> None:
        """Send a JSON message about the call."""

    def drop(self, reason: str) -> None:
        """Handle the end of this leg: the call has removed it."""


class EnteredCall(Protocol):
    """A call, as the people in it and those who ring them see it."""

    server_call_id: str
    correlation_id: str
    over: bool

    def arrive(self, leg: Leg) -> None:
        """Take in a leg that was rung or moved."""

    def leave(self, leg: Leg, reason: str) -> None:
        """Remove a leg; does nothing if it is not in the call."""

    def mute(self, party: Party, muted: bool) -> None:
        """Mute or unmute somebody."""

    def press(self, leg: Leg, tone: str) -> None:
        """Pass on a key that a leg pressed; `tone` is the service's word for it."""


@runtime_checkable
class Movable(Protocol):
    """A leg that keeps a reference to the call it is in."""

    def enter(self, call: EnteredCall) -> None:
        """Remember the call that the leg has joined."""
