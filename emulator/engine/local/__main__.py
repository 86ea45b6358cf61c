"""Checks the local engine: `python -m emulator.engine.local`."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console

from emulator.engine.local.doctor import examine

if __name__ == "__main__":
    sys.exit(asyncio.run(examine(Console())))
