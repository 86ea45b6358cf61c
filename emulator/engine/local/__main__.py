"""Checks the local engine: `python -m emulator.engine.local`; `… bench` measures it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console

from emulator.engine.local.doctor import examine


def main() -> int:
    """Return the exit status: 0 if the engine can interpret, or was measured."""
    parser = argparse.ArgumentParser(prog="python -m emulator.engine.local", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    measure = commands.add_parser("bench", help="measure words wrong, chrF, delay and memory")
    measure.add_argument("--write", type=Path, metavar="FILE", help="put the table into this page")
    measure.add_argument("--paths", action="store_true", help="measure all paths of translation instead")
    given = parser.parse_args()
    console = Console(soft_wrap=True)
    if given.command is None:
        return asyncio.run(examine(console))
    from emulator.engine.local import bench  # only here: it needs sacrebleu, which is not the emulator's

    text = bench.table(asyncio.run(bench.measure_paths() if given.paths else bench.measure()))
    console.print(text, markup=False, highlight=False)
    if given.write is not None:
        bench.write(given.write, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
