"""The pages' own logic, tested by Node's test runner: one file of tests for each module that needs no browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
LIMIT_S = 60


@pytest.mark.line
def test_the_modules_of_the_pages_hold_their_own_tests() -> None:
    node = shutil.which("node")
    assert node is not None, "the tests need Node"
    files = sorted(FOLDER.glob("*.test.mjs"))
    assert files
    result = subprocess.run(
        [node, "--test", "--test-reporter=spec", *map(str, files)], capture_output=True, text=True, timeout=LIMIT_S
    )
    assert result.returncode == 0, result.stdout + result.stderr
