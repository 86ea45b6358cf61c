"""`python -m emulator.engine.local`: the engine's doctor."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console

from emulator.engine.local.doctor import examine

if __name__ == "__main__":
    sys.exit(asyncio.run(examine(Console())))
