"""The page's own logic, tested by Node's test runner: one module of tests for each of its modules without a device."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
LIMIT_S = 60


def test_the_modules_of_the_page_hold_their_own_tests() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    files = sorted(FOLDER.glob("*.test.mjs"))
    assert files
    result = subprocess.run(
        [node, "--test", "--test-reporter=spec", *map(str, files)], capture_output=True, text=True, timeout=LIMIT_S
    )
    assert result.returncode == 0, result.stdout + result.stderr
