"""Quality checks and unit tests, side by side; ends with a line per step and fails if a step does.

python scripts/check.py [STEP ...]     all steps, or the named ones
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
REFRESH_S = 0.1

UNIT = ["pytest", "-q", "--unit"]
CORE = ["tests/bot/interpreting", "tests/bot/calls", "tests/media_streaming", "tests/webhooks"]
"""Folders with the own tests of every module whose branch coverage is asked for."""

STEPS: dict[str, list[str]] = {
    "types": ["mypy"],
    "unit tests of the core": [*UNIT, "--module-coverage", *CORE],
    "other unit tests": [*UNIT, *(f"--ignore={folder}" for folder in CORE)],
    "format": ["ruff", "format", "--check", "--quiet", "."],
    "lint": ["ruff", "check", "--quiet", "."],
    "import contracts": ["lint-imports", "--no-cache"],
}
"""The long ones first; they keep two cores busy to the end."""


@dataclass
class Step:
    """A running step and its output."""

    name: str
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    began: float

    @classmethod
    def start(cls, name: str) -> Step:
        output = tempfile.TemporaryFile()
        tool, *arguments = STEPS[name]
        process = subprocess.Popen([BIN / tool, *arguments], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        return cls(name, process, output, time.monotonic())

    def read(self) -> str:
        self.output.seek(0)
        return self.output.read().decode(errors="replace").rstrip()


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"There is no step {unknown[0]!r}; the steps are: {', '.join(STEPS)}.")
        return 2
    running = [Step.start(name) for name in names or STEPS]
    failed = []
    while running:
        done = next((step for step in running if step.process.poll() is not None), None)
        if done is None:
            time.sleep(REFRESH_S)
            continue
        running.remove(done)
        passed = done.process.returncode == 0
        text = done.read()
        if not passed:
            failed.append(done.name)
            print(f"\n{text}\n")
        last = text.splitlines()[-1] if passed and "tests" in done.name and text else ""
        mark = "ok    " if passed else "FAILED"
        print(f"{mark}  {time.monotonic() - done.began:5.1f} s  {done.name}  {last}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
