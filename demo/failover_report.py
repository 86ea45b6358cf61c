"""`takeover.py` to be watched: replicas are lost in three ways, one after the other; a table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo import cluster
from demo.failover import How, Result, take_away
from demo.progress import Progress, StepHung
from demo.rest_client import RestFailed
from demo.subprocesses import PartFailed

START_S = 90.0
MEETINGS_S = 120.0
COURSE: Sequence[Sequence[How]] = ((How.STOPPED, How.KILLED), (How.KILLED_UNDIALLED,))
"""In which order; each group has three replicas to begin with."""


async def show(out: Path, screen: Console) -> int:
    """Run the course, print the table; the exit code: 0 if all went as promised."""
    progress = Progress(screen)
    results: list[Result] = []
    broken_off = None
    try:
        for number, group in enumerate(COURSE, 1):
            logs = out / "logs" / str(number)
            logs.mkdir(parents=True, exist_ok=True)
            progress.heading(
                f"Three replicas, {len(group)} of them lost" if len(group) > 1 else "Three replicas, one lost"
            )
            async with AsyncExitStack() as stack:
                async with progress.step("starting Redis, balancer, emulator, replicas", START_S) as doing:
                    running = await stack.enter_async_context(cluster.running(logs))
                    doing.done = f"Redis, emulator, replicas; everybody reaches them at {running.parts.bot_url}"
                for how in group:
                    async with progress.step(f"two meetings; {how.value}", MEETINGS_S) as doing:
                        result = await take_away(running, how)
                        results.append(result)
                        ended = "went on" if not result.failures else "did not go on as promised"
                        doing.done = f"{how.value}: two meetings {ended}"
    except (PartFailed, RestFailed, StepHung, TimeoutError) as error:
        broken_off = str(error) or "something took too long"
    screen.print()
    screen.print(table(results))
    failures = [f"{one.how.value}: {failure}" for one in results for failure in one.failures]
    for line in [*failures, *([broken_off] if broken_off else [])]:
        screen.print(Text(f" ✗ {line}", "red"), soft_wrap=True)
    return 1 if failures or broken_off else 0


def table(results: Sequence[Result]) -> Table:
    """Two rows for each loss: the room whose replica it was, and the other."""
    grid = Table(box=box.HORIZONTALS, pad_edge=False, header_style="bold", caption_justify="left")
    grid.add_column("replica lost by")
    grid.add_column("room")
    for name in ("dialled again", "heard again", "said", "interpreted", "cut", "unheard", "in the room"):
        grid.add_column(name, justify="right")
    for one in results:
        for account in one.accounts:
            theirs = account is one.accounts[0]
            grid.add_row(
                one.how.value if theirs else "",
                account.name,
                _seconds(one.streaming_s) if theirs else "",
                _seconds(one.heard_s) if theirs else "",
                str(account.said),
                f"{account.interpreted} of {account.heard}",
                str(account.amid or account.cut),
                str(account.unheard),
                str(account.interpreters),
            )
    grid.caption = "\n".join(
        (
            "dialled again, heard again: from the moment in which the replica was gone",
            "interpreted: of those said wholly while somebody listened; cut: said partly before or after",
            "unheard: said wholly while nobody listened; in the room: interpreters at the end",
        )
    )
    return grid


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"
