"""Shows failover: ends replicas in three ways, one after the other, and prints a table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo import cluster
from demo.failover import FailoverResult, ReplicaLoss, lose_replica
from demo.progress import Progress, StepHung
from demo.rest_client import RestFailed
from demo.subprocesses import ProcessFailed

START_S = 90.0
MEETINGS_S = 120.0
LOSSES: Sequence[Sequence[ReplicaLoss]] = ((ReplicaLoss.STOPPED, ReplicaLoss.KILLED), (ReplicaLoss.KILLED_UNDIALLED,))
"""Losses in order; each group starts with three replicas."""


async def show(out: Path, screen: Console) -> int:
    """Run all losses and print the table; return 0 if all promises were met, else 1."""
    progress = Progress(screen)
    results: list[FailoverResult] = []
    broken_off = None
    try:
        for number, group in enumerate(LOSSES, 1):
            logs = out / "logs" / str(number)
            logs.mkdir(parents=True, exist_ok=True)
            progress.heading(
                f"Three replicas, {len(group)} of them lost" if len(group) > 1 else "Three replicas, one lost"
            )
            async with AsyncExitStack() as stack:
                async with progress.step("starting Redis, load balancer, emulator, replicas", START_S) as doing:
                    running = await stack.enter_async_context(cluster.running(logs))
                    doing.done = f"Redis, emulator and replicas behind {running.services.bot_url}"
                for loss in group:
                    async with progress.step(f"two meetings; {loss.value}", MEETINGS_S) as doing:
                        result = await lose_replica(running, loss)
                        results.append(result)
                        ended = "continued" if not result.failures else "did not continue as promised"
                        doing.done = f"{loss.value}: two meetings {ended}"
    except (ProcessFailed, RestFailed, StepHung, TimeoutError) as error:
        broken_off = str(error) or "a step timed out"
    screen.print()
    screen.print(table(results))
    failures = [f"{one.loss.value}: {failure}" for one in results for failure in one.failures]
    for line in [*failures, *([broken_off] if broken_off else [])]:
        screen.print(Text(f" ✗ {line}", "red"), soft_wrap=True)
    return 1 if failures or broken_off else 0


def table(results: Sequence[FailoverResult]) -> Table:
    """Return the table, with two rows for each loss: the room of the lost replica, and the other."""
    grid = Table(box=box.HORIZONTALS, pad_edge=False, header_style="bold", caption_justify="left")
    grid.add_column("replica lost by")
    grid.add_column("room")
    for name in ("reconnected", "heard again", "spoken", "interpreted", "cut", "missed", "interpreters"):
        grid.add_column(name, justify="right")
    for one in results:
        for outcome in one.outcomes:
            affected = outcome is one.outcomes[0]
            grid.add_row(
                one.loss.value if affected else "",
                outcome.name,
                _seconds(one.streaming_s) if affected else "",
                _seconds(one.heard_s) if affected else "",
                str(outcome.said),
                f"{outcome.interpreted} of {outcome.heard}",
                str(outcome.partly_covered or outcome.cut),
                str(outcome.missed),
                str(outcome.interpreters),
            )
    grid.caption = "\n".join(
        (
            "reconnected, heard again: time from the end of the replica until the next media socket or interpretation",
            "interpreted: of the utterances spoken entirely while a replica received the room's audio",
            "cut: spoken partly without a replica; missed: entirely without one; interpreters: in the call at the end",
        )
    )
    return grid


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"
