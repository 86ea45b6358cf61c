"""The pytest plugin, in a separate pytest run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

TESTS = """
import urllib.request

import pytest
from emulator.config import Config


@pytest.fixture(scope="session")
def acs_emulator_config():
    return Config(acs_port=0, realtime_port=0, engine="scripted", access_key="c2VjcmV0")


def test_one(acs_emulator):
    assert acs_emulator.access_key == "c2VjcmV0"
    urllib.request.urlopen(acs_emulator.acs_url + "/calling/keys").close()
    assert len(acs_emulator.journal("http")) == 1
    acs_emulator.set_faults({"http": [{"path": "/calling", "status": 503}]})


def test_the_next_one_finds_nothing_of_it(acs_emulator):
    assert acs_emulator.journal("http") == []
    urllib.request.urlopen(acs_emulator.acs_url + "/calling/keys").close()
"""


def test_the_fixture_is_shared_reset_and_configurable(tmp_path: Path) -> None:
    file = tmp_path / "test_with_emulator.py"
    file.write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "emulator.pytest_plugin"]
    done = subprocess.run(
        [*command, "-c", "/dev/null", "--rootdir", str(tmp_path), str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
