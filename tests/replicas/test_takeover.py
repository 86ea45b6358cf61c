"""Three real processes, a real Redis and a balancer: a replica is lost partly_covered an utterance, in real time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from demo import cluster
from demo.failover import RECOVERY_S, FailoverResult, ReplicaLoss, lose_replica

pytestmark = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed: scripts/system-packages.sh redis"
)


def judge(result: FailoverResult) -> None:
    assert result.failures == ()
    first, second = result.outcomes
    assert result.streaming_s is not None
    assert result.heard_s is not None
    assert result.streaming_s < RECOVERY_S
    assert (first.dials, second.dials) == (2, 1)
    assert (first.interpreters, second.interpreters) == (1, 1)
    assert first.heard >= 2, "one before, one after"
    assert second.interpreted == second.said


@pytest.mark.timeout(240)
async def test_a_killed_replica_loses_the_utterance_that_is_being_said_and_no_other(tmp_path: Path) -> None:
    async with cluster.running(tmp_path) as three:
        killed = await lose_replica(three, ReplicaLoss.KILLED, utterances=1)
        judge(killed)
        assert killed.outcomes[0].cut == 1
        assert killed.outcomes[0].missed == 0


@pytest.mark.soak
@pytest.mark.timeout(240)
async def test_a_replica_told_to_stop_loses_nothing(tmp_path: Path) -> None:
    async with cluster.running(tmp_path) as three:
        stopped = await lose_replica(three, ReplicaLoss.STOPPED, utterances=1)
        judge(stopped)
        assert stopped.outcomes[0].cut == 0
        assert stopped.outcomes[0].interpreted == stopped.outcomes[0].said


@pytest.mark.soak
@pytest.mark.timeout(240)
async def test_a_call_that_acs_does_not_dial_again_is_found_and_taken_over(tmp_path: Path) -> None:
    async with cluster.running(tmp_path) as three:
        result = await lose_replica(three, ReplicaLoss.KILLED_UNDIALLED, utterances=1)
        judge(result)
        assert result.outcomes[0].cut == 1
