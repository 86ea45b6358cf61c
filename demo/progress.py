"""Shows the progress of a demo: steps with their times, then the meeting as it is spoken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from rich.console import Console
from rich.text import Text

PLAIN_WIDTH = 120
"""Columns without a terminal: wide enough for the words of the final table."""


class StepHung(Exception):
    """A step timed out; the message names it and its limit."""


def console() -> Console:
    """Return a console on standard output: coloured in a terminal, plain lines elsewhere."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def plural(count: int, thing: str) -> str:
    """Return a count with its noun: `1 word`, `2 words`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


class Progress:
    """Prints the progress of a demo."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return the seconds since the start of the demo."""
        return time.monotonic() - self._began

    @asynccontextmanager
    async def step(self, doing: str, limit_s: float) -> AsyncIterator[Step]:
        """Show the step while it runs, then a line with its duration; after an exception there is no line.

        Raises:
            StepHung: it took longer than `limit_s`.
        """
        step = Step(doing)
        began = time.monotonic()
        shown = self._screen.status(f"{doing} …") if self._screen.is_terminal else nullcontext()
        try:
            with shown:
                async with asyncio.timeout(limit_s):
                    yield step
        except TimeoutError as error:
            raise StepHung(f"the demo was aborted: “{doing}” took longer than {limit_s:.0f} s") from error
        self._line(Text(" ✓ ", "green"), step.done, f"{time.monotonic() - began:.1f} s")

    def heading(self, text: str) -> None:
        self._screen.print()
        self._screen.print(Text(text, "bold"))

    def spoken(self, number: int, speaker: str, words: str, note: str = "") -> None:
        """Show the start of a turn."""
        text = Text.assemble((words, "bold"), (f"  ({note})" if note else "", "dim"))
        self._line(Text(f"{number:2} ", "cyan"), Text.assemble((f"{speaker:<12}", "bold cyan"), text), self._clock())

    def followed(self, what: str, words: str) -> None:
        """Show a result of the interpreter: recognised or interpreted words."""
        self._line(Text("   "), Text.assemble((f"{what:<12}", "dim"), words), self._clock())

    def note(self, words: str, style: str = "dim") -> None:
        self._screen.print(Text("   " + words, style))

    def _clock(self) -> str:
        minutes, seconds = divmod(self.seconds, 60)
        return f"{int(minutes)}:{seconds:04.1f}"

    def _line(self, mark: Text, text: Text | str, right: str) -> None:
        """Print a line with the time at its right edge, or after a longer text."""
        line = Text.assemble(mark, text)
        gap = max(2, min(self._screen.width, PLAIN_WIDTH) - line.cell_len - len(right) - 1)
        self._screen.print(Text.assemble(line, " " * gap, (right, "dim")), soft_wrap=True)


class Step:
    """A running step; `done` is the text of its final line."""

    def __init__(self, doing: str) -> None:
        self.done = doing
