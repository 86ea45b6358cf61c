"""The reconciler finds what no event reported: registry and ACS compared with this replica's calls, row by row."""

from __future__ import annotations

import pytest

from bot.calls.acs_client import CallLook
from bot.calls.replicas.reconciler import (
    ATTEMPTS,
    EMPTY_S,
    CheckOwner,
    Correction,
    GiveUp,
    Join,
    LeaveEmpty,
    OwnCalls,
    Reconciler,
    RegistryContents,
    RemoveRecord,
    ReportGone,
    TakeOver,
    UpdateParticipants,
)
from bot.calls.replicas.registry import CallRecord, LiveReplicas, WantedCall
from tests.support.meeting import ADA

OWN = CallRecord(
    room_id="room-1", acs_room_id="acs-1", owner="us", secret="s3cret", request_id="request", name="name", since=0.0
)
THEIRS = CallRecord(
    room_id="room-1", acs_room_id="acs-1", owner="others", secret="s3cret", request_id="request", name="name", since=0.0
)
WANTED = WantedCall(room_id="room-1", server_call_id="server-call-1", since=0.0, retry_at=10.0)
TIRED = WantedCall(room_id="room-1", server_call_id="server-call-1", since=0.0, retry_at=10.0, attempts=ATTEMPTS)
BOTH = LiveReplicas(frozenset({"us", "others"}), certain=True)
ALONE = LiveReplicas(frozenset({"us"}), certain=True)
NONE = OwnCalls(active=frozenset())
ACTIVE = OwnCalls(active=frozenset({"room-1"}))
ENDING = OwnCalls(active=frozenset(), ending=frozenset({"room-1"}))
JOINING = OwnCalls(active=frozenset(), joining=frozenset({"room-1"}))
STOPPING = OwnCalls(active=frozenset(), accepting=False)


@pytest.mark.parametrize(
    ("record", "living", "own", "expected"),
    [
        pytest.param(THEIRS, BOTH, NONE, [], id="another replica is in the call"),
        pytest.param(THEIRS, ALONE, NONE, [TakeOver(THEIRS)], id="its replica is gone"),
        pytest.param(THEIRS, LiveReplicas(ALONE.replicas, certain=False), NONE, [], id="its replica may be alive"),
        pytest.param(OWN, BOTH, NONE, [RemoveRecord(OWN)], id="left while the store was unavailable"),
        pytest.param(OWN, BOTH, JOINING, [], id="about to have a call"),
        pytest.param(OWN, BOTH, ACTIVE, [], id="as recorded"),
        pytest.param(OWN, BOTH, ENDING, [], id="being left"),
        pytest.param(THEIRS, BOTH, ACTIVE, [CheckOwner("room-1")], id="recorded as another's"),
        pytest.param(THEIRS, BOTH, ENDING, [], id="recorded as another's and being left"),
        pytest.param(None, BOTH, ACTIVE, [CheckOwner("room-1")], id="not recorded"),
        pytest.param(None, BOTH, ENDING, [], id="not recorded and being left"),
    ],
)
def test_records_are_compared_with_own_calls(
    record: CallRecord | None, living: LiveReplicas, own: OwnCalls, expected: list[Correction]
) -> None:
    shared = RegistryContents([record] if record else [], [], living)
    assert Reconciler("us").compare_with_registry(shared, own, 0.0) == expected


@pytest.mark.parametrize(
    ("wanted", "own", "now", "expected"),
    [
        pytest.param(WANTED, NONE, 9.9, [], id="not yet"),
        pytest.param(WANTED, NONE, 10.0, [Join(WANTED)], id="due"),
        pytest.param(WANTED, STOPPING, 10.0, [], id="the service is stopping"),
        pytest.param(TIRED, NONE, 10.0, [GiveUp(TIRED)], id="too many attempts"),
        pytest.param(TIRED, STOPPING, 10.0, [], id="another replica gives it up"),
    ],
)
def test_a_wanted_call_is_joined_when_it_is_due(
    wanted: WantedCall, own: OwnCalls, now: float, expected: list[Correction]
) -> None:
    assert Reconciler("us").compare_with_registry(RegistryContents([], [wanted], BOTH), own, now) == expected


def test_a_wanted_call_that_somebody_is_in_is_not_joined() -> None:
    shared = RegistryContents([THEIRS], [WANTED], BOTH)
    assert Reconciler("us").compare_with_registry(shared, NONE, 10.0) == []


def looked_at(reconciler: Reconciler, seen: CallLook | None, now: float) -> list[Correction]:
    return reconciler.compare_with_acs("room-1", "connection-1", {ADA}, seen, now)


ALONE_IN_CALL = CallLook("connected", frozenset({"28:us"}))
WITH_ADA = CallLook("connected", frozenset({ADA, "28:us"}))


def test_a_connection_acs_does_not_know_is_gone() -> None:
    assert looked_at(Reconciler("us"), None, 0.0) == [ReportGone("room-1")]


def test_participants_are_those_acs_lists() -> None:
    assert looked_at(Reconciler("us"), WITH_ADA, 0.0) == [UpdateParticipants("room-1", WITH_ADA.participants)]


def test_an_interpreter_alone_for_too_long_leaves_and_one_with_people_does_not() -> None:
    reconciler = Reconciler("us")
    update = UpdateParticipants("room-1", ALONE_IN_CALL.participants)
    assert looked_at(reconciler, ALONE_IN_CALL, 0.0) == [update]
    assert looked_at(reconciler, WITH_ADA, EMPTY_S - 1) == [UpdateParticipants("room-1", WITH_ADA.participants)]
    assert looked_at(reconciler, ALONE_IN_CALL, EMPTY_S) == [update]
    assert looked_at(reconciler, ALONE_IN_CALL, 2 * EMPTY_S - 1) == [update]
    assert looked_at(reconciler, ALONE_IN_CALL, 2 * EMPTY_S) == [update, LeaveEmpty("room-1")]


def test_another_connection_is_not_alone_since_the_one_before_was() -> None:
    reconciler = Reconciler("us")
    looked_at(reconciler, ALONE_IN_CALL, 0.0)
    reconciler.forget_connections_except({"connection-1"})
    assert LeaveEmpty("room-1") in looked_at(reconciler, ALONE_IN_CALL, EMPTY_S)
    reconciler.forget_connections_except(set())
    assert LeaveEmpty("room-1") not in looked_at(reconciler, ALONE_IN_CALL, EMPTY_S)
