"""One call without sockets: legs that are lists, ticks that are numbers."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from emulator.acs.calls.leg import Leg
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.wire.resampling import SILENCE
from emulator.config import Switches
from emulator.faults import FaultPlan
from tests.support.acs_emulator import constant


class FakeLeg:
    def __init__(self, name: str) -> None:
        self.leg_id = f"leg of {name}"
        self.raw_id = f"8:acs:{name}"
        self.display_name = name
        self.muted = False
        self.says: list[bytes | None] = []
        self.heard: list[bytes] = []
        self.told: list[dict[str, Any]] = []
        self.reasons: list[str] = []

    def speak(self, now: float) -> bytes | None:
        return self.says.pop(0) if self.says else None

    def hear(self, frame: bytes) -> None:
        self.heard.append(frame)

    def tell(self, message: bytes) -> None:
        self.told.append(json.loads(message))

    def drop(self, reason: str) -> None:
        self.reasons.append(reason)


class FakeObserver:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def call_started(self, call: RoomCall, by: Leg) -> None:
        self.seen.append(f"{by.display_name} starts")

    def leg_added(self, call: RoomCall, leg: Leg) -> None:
        self.seen.append(f"+{leg.display_name}")

    def leg_removed(self, call: RoomCall, leg: Leg, reason: str) -> None:
        self.seen.append(f"-{leg.display_name} {reason}")

    def call_over(self, call: RoomCall) -> None:
        self.seen.append("over")


def call_of(*names: str, switches: Switches | None = None) -> tuple[RoomCall, FakeObserver, list[FakeLeg]]:
    observer = FakeObserver()
    legs = [FakeLeg(name) for name in names]
    call = RoomCall("99", legs[0], observer, FaultPlan(switches))
    for leg in legs:
        call.join(leg)
    return call, observer, legs


def test_each_tick_brings_everybody_the_others() -> None:
    call, _, (anna, ben, clara) = call_of("Anna", "Ben", "Clara")
    anna.says, ben.says = [constant(5, 20)], [constant(30, 20)]
    call.tick(0.0)
    call.tick(0.02)
    assert anna.heard == [constant(30, 20), SILENCE]
    assert ben.heard == [constant(5, 20), SILENCE]
    assert clara.heard == [constant(35, 20), SILENCE]


def test_a_muted_voice_is_used_up_but_not_heard() -> None:
    call, _, (anna, ben) = call_of("Anna", "Ben")
    anna.says = [constant(5, 20), constant(6, 20)]
    call.mute(anna, True)
    call.tick(0.0)
    call.mute(anna, False)
    call.tick(0.02)
    assert ben.heard == [SILENCE, constant(6, 20)]


def test_the_call_ends_with_its_last_participant() -> None:
    call, observer, (anna, ben) = call_of("Anna", "Ben")
    call.leave(anna, "left")
    assert not call.over
    call.leave(ben, "left")
    call.leave(ben, "left")
    assert call.over
    assert observer.seen == ["+Anna", "+Ben", "-Anna left", "-Ben left", "over"]


def test_ending_it_sends_everybody_home_once() -> None:
    call, observer, (anna, ben) = call_of("Anna", "Ben")
    call.end()
    call.end()
    assert (anna.reasons, ben.reasons) == (["call ended"], ["call ended"])
    assert observer.seen[-1] == "over"
    assert observer.seen.count("over") == 1


def test_who_comes_back_replaces_the_former_self_without_ending_the_call() -> None:
    call, observer, (anna,) = call_of("Anna")
    again = FakeLeg("Anna")
    again.leg_id = "another leg"
    call.join(again)
    assert anna.reasons == ["replaced"]
    assert call.legs == [again]
    assert not call.over
    call.leave(anna, "left")  # the old socket's handler comes late
    assert call.legs == [again]


def test_the_roster_is_told_when_it_changes_and_not_else() -> None:
    call, _, (anna, ben) = call_of("Anna", "Ben")
    for number in range(50):
        call.tick(number * 0.02)
    assert len(anna.told) == 1
    assert anna.told[0]["participants"][1] == {
        "id": "8:acs:Ben",
        "display_name": "Ben",
        "muted": False,
        "speaking": False,
    }
    ben.says = [constant(2000, 20)] * 10
    for number in range(50, 100):
        call.tick(number * 0.02)
    speaking = [message["participants"][1]["speaking"] for message in anna.told]
    assert speaking == [False, True, False]


def test_a_failing_tick_ends_the_call_in_good_order() -> None:
    call, observer, (anna, ben) = call_of("Anna", "Ben")
    anna.says = [b"not a frame"]
    with pytest.raises(ValueError):
        call.tick(0.0)
    call.failed(ValueError())
    assert ben.reasons == ["call ended"]
    assert observer.seen[-1] == "over"


def test_the_two_names_of_a_call_differ_and_are_its_own() -> None:
    first, _, _ = call_of("Anna")
    second, _, _ = call_of("Anna")
    assert len({first.server_call_id, first.event_grid_id, second.server_call_id, second.event_grid_id}) == 4
    assert first.started_at <= time.monotonic()
