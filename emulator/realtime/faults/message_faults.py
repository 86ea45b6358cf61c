"""Applies faults to single server messages: delay, drop, repeat, reorder, garble."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from emulator.realtime.agenda import Agenda
from emulator.realtime.faults.plan import ConnectionFaults
from emulator.realtime.faults.rules import FaultRule
from emulator.realtime.ids import Ids
from emulator.realtime.wire import encode_event

UNKNOWN_MEMBERS = {"region": "atlantis", "hints": {"retry": None}}
"""Members that no documented event has."""


class OutgoingMessages:
    """Applies message faults to the server messages of one connection. `send` gets what is really sent."""

    def __init__(self, faults: ConnectionFaults, agenda: Agenda, ids: Ids, send: Callable[[str], None]) -> None:
        self._faults = faults
        self._agenda = agenda
        self._ids = ids
        self._send = send
        self._total = 0
        self._of_type: Counter[str] = Counter()
        self._held: list[str] = []

    def put(self, event: str, frame: str, now: float) -> FaultRule | None:
        """Send a message of type `event` as the fault rules demand; return the rule that was applied."""
        self._total += 1
        self._of_type[event] += 1
        rule = self._faults.take_message(event, self._total, self._of_type[event]) if self._faults.any else None
        leaving = [frame] if rule is None else self._follow(rule, frame, now)
        if leaving:
            leaving += self._held
            self._held = []
        for one in leaving:
            self._send(one)
        return rule

    def _follow(self, rule: FaultRule, frame: str, now: float) -> list[str]:
        """Apply the rule and return what is sent in place of the message."""
        match rule.do:
            case "delay_message":
                self._agenda.at(now + rule.seconds, lambda at: self._send(frame))
                return []
            case "drop_message":
                return []
            case "repeat_message":
                return [frame, frame]
            case "reorder_message":  # held until another message is sent
                self._held.append(frame)
                return []
            case "garble_message":
                half = len(frame) // 2
                return [frame[:half] + self._ids.letters(len(frame) - half)]
            case "extend_message":
                return [encode_event({**_members(frame), **UNKNOWN_MEMBERS})]
            case "anonymise_message":
                return [encode_event({key: value for key, value in _members(frame).items() if key != "event_id"})]
            case "unlink_message":
                return [encode_event(_unlinked(_members(frame)))]
            case _:  # ON_A_MESSAGE lists the cases above, and take_message gives no others
                raise AssertionError(f"{rule.do} does not happen to a message")


def _members(frame: str) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.json.decode(frame)
    return members


def _unlinked(members: dict[str, Any]) -> dict[str, Any]:
    links = {"error": "event_id", "response": "metadata"}
    return {**members, **{name: {**members[name], link: None} for name, link in links.items() if name in members}}
