"""What a person sees while the demo runs: steps with their times, then the meeting as it is spoken; judges nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from rich.console import Console
from rich.text import Text

PLAIN_WIDTH = 120
"""Columns where there is no terminal to ask: wide enough that the final table folds no word."""


class StepHung(Exception):
    """A step took longer than it may; the message says which, and for how long."""


def console() -> Console:
    """Standard output: coloured and moving in a terminal, plain lines anywhere else."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def plural(count: int, thing: str) -> str:
    """`1 word`, `2 words`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


class Progress:
    """The running account of one demo."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the demo began."""
        return time.monotonic() - self._began

    @asynccontextmanager
    async def step(self, doing: str, limit_s: float) -> AsyncIterator[Step]:
        """Show what is being done, then a line with how long it took. An exception passes, and leaves no such line.

        Raises:
            StepHung: it took longer than it may.
        """
        step = Step(doing)
        began = time.monotonic()
        shown = self._screen.status(f"{doing} …") if self._screen.is_terminal else nullcontext()
        try:
            with shown:
                async with asyncio.timeout(limit_s):
                    yield step
        except TimeoutError as error:
            raise StepHung(f"the demo was stopped: “{doing}” took longer than {limit_s:.0f} s") from error
        self._line(Text(" ✓ ", "green"), step.done, f"{time.monotonic() - began:.1f} s")

    def heading(self, text: str) -> None:
        self._screen.print()
        self._screen.print(Text(text, "bold"))

    def spoken(self, number: int, speaker: str, words: str, note: str = "") -> None:
        """Somebody begins to speak."""
        text = Text.assemble((words, "bold"), (f"  ({note})" if note else "", "dim"))
        self._line(Text(f"{number:2} ", "cyan"), Text.assemble((f"{speaker:<12}", "bold cyan"), text), self._clock())

    def followed(self, what: str, words: str) -> None:
        """What became of it: recognised, interpreted."""
        self._line(Text("   "), Text.assemble((f"{what:<12}", "dim"), words), self._clock())

    def note(self, words: str, style: str = "dim") -> None:
        self._screen.print(Text("   " + words, style))

    def _clock(self) -> str:
        minutes, seconds = divmod(self.seconds, 60)
        return f"{int(minutes)}:{seconds:04.1f}"

    def _line(self, mark: Text, text: Text | str, right: str) -> None:
        """A line with the time at its right edge; a longer text pushes the time on."""
        line = Text.assemble(mark, text)
        gap = max(2, min(self._screen.width, PLAIN_WIDTH) - line.cell_len - len(right) - 1)
        self._screen.print(Text.assemble(line, " " * gap, (right, "dim")), soft_wrap=True)


class Step:
    """A step under way; `done` is what its line will say."""

    def __init__(self, doing: str) -> None:
        self.done = doing
