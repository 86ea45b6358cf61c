from __future__ import annotations

from typing import Any

import pytest

from emulator.config import Switches
from emulator.faults import FaultPlan


def plan(**document: Any) -> FaultPlan:
    made = FaultPlan()
    made.replace(document)
    return made


def test_an_http_fault_meets_its_paths_and_is_spent() -> None:
    faults = plan(http=[{"path": "/calling", "status": 429, "retry_after": 1, "times": 2}])
    assert faults.http("GET", "/rooms") is None
    met = [faults.http("POST", "/calling/callConnections:connect") for _ in range(3)]
    assert [fault.status if fault else None for fault in met] == [429, 429, None]
    assert faults.document()["http"] == []


def test_an_http_fault_can_be_for_one_method_and_for_ever() -> None:
    faults = plan(http=[{"path": "/", "method": "DELETE", "reset": True}])
    assert faults.http("GET", "/rooms") is None
    assert all(faults.http("DELETE", "/rooms") is not None for _ in range(10))


def test_an_http_fault_can_wait_for_its_turn_and_its_twin_is_left_alone() -> None:
    faults = plan(http=[{"path": "/", "after": 2, "times": 1, "status": 500}])
    assert [faults.http("GET", "/rooms") is not None for _ in range(4)] == [False, False, True, False]
    twins = plan(http=[{"path": "/a", "times": 1}, {"path": "/a", "times": 1}])
    assert [twins.http("GET", "/a") is not None for _ in range(3)] == [True, True, False]


def test_an_event_grid_fault_meets_its_types() -> None:
    faults = plan(event_grid=[{"types": ["CallEnded"], "delay_ms": 5, "times": 1}, {"duplicate": 2}])
    started, ended, again = (faults.grid_event(kind) for kind in ("CallStarted", "CallEnded", "CallEnded"))
    assert started is not None
    assert (started.duplicate, started.delay_ms) == (2, 0)
    assert ended is not None
    assert (ended.duplicate, ended.delay_ms) == (0, 5)
    assert again is not None
    assert again.duplicate == 2


def test_a_stall_is_promised_to_one_socket_and_keeps_its_length() -> None:
    faults = plan(media={"stall_after_frames": 5, "stall_ms": 300, "times": 1})
    assert [faults.frames_until_stall(), faults.frames_until_stall()] == [5, None]
    assert faults.media.stall_ms == 300


def test_a_callback_fault_meets_its_types() -> None:
    faults = plan(callbacks=[{"types": ["CallConnected"], "lost": True, "times": 1}])
    assert faults.callback(["ParticipantsUpdated"]) is None
    fault = faults.callback(["CallConnected", "ParticipantsUpdated"])
    assert fault is not None
    assert fault.lost
    assert faults.callback(["CallConnected"]) is None


def test_media_faults_are_spent_per_socket() -> None:
    faults = plan(media={"drop_after_frames": 5, "times": 1, "jitter_ms": 60})
    assert [faults.frames_until_cut(), faults.frames_until_cut()] == [5, None]
    assert faults.media.jitter_ms == 60
    faults = plan(media={"refuse_dials": True, "times": 2})
    assert [faults.refuse_dial() for _ in range(3)] == [True, True, False]


def test_jitter_is_repeatable_and_bounded() -> None:
    first, second = plan(media={"jitter_ms": 100}, seed=7), plan(media={"jitter_ms": 100}, seed=7)
    ticks = [first.jitter_ticks() for _ in range(200)]
    assert ticks == [second.jitter_ticks() for _ in range(200)]
    assert set(ticks) == set(range(6))
    assert FaultPlan().jitter_ticks() == 0


def test_switches_are_laid_over_those_of_the_start_and_taken_back() -> None:
    faults = FaultPlan(Switches(redials=7))
    faults.replace({"switches": {"page_size": 2}})
    assert (faults.switches.page_size, faults.switches.redials) == (2, 7)
    assert faults.document()["switches"]["page_size"] == 2
    faults.clear()
    assert faults.switches == Switches(redials=7)


def test_every_unknown_key_is_named() -> None:
    document = {
        "htpp": [],
        "http": [{"path": "/"}, {"path": "/", "code": 1}],
        "media": {"jitter": 1},
        "callbacks": [{"late": 1}],
        "switches": {"nonsense": 1},
    }
    with pytest.raises(ValueError) as refused:
        FaultPlan().replace(document)
    assert str(refused.value) == (
        "unknown keys: callbacks[0].late, htpp, http[1].code, media.jitter, switches.nonsense"
    )


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"http": {"path": "/"}},
        {"http": [{"status": 500}]},
        {"http": [{"path": "/", "status": 199}]},
        {"media": {"times": 0}},
        {"callbacks": [{"token": "stolen"}]},
        {"switches": {"redials": "many"}},
    ],
)
def test_a_document_of_the_wrong_form_changes_nothing(document: object) -> None:
    faults = plan(media={"jitter_ms": 20})
    with pytest.raises(ValueError):
        faults.replace(document)
    assert faults.media.jitter_ms == 20
