"""A worker that crashes, hangs or answers on request, to test its parent."""

from __future__ import annotations

import os
import time
from pathlib import Path

from emulator.engine.local.process import serve


def handle(body: bytes) -> bytes:
    command, _, argument = body.decode().partition(" ")
    match command:
        case "crash":
            os._exit(1)
        case "crash-once":
            if not Path(argument).exists():
                Path(argument).touch()
                os._exit(1)
        case "hang":
            time.sleep(60)
        case "sleep":
            time.sleep(float(argument))
        case "refuse":
            raise ValueError(argument)
        case "print":
            print(argument)  # noqa: T201 - what a chatty library does
        case _:
            pass
    return f"{os.getpid()} {argument}".encode()


def main() -> None:
    serve(handle)
