"""Runs scripts/setup.sh with lock files and wheels of the test's own, as a machine does that finds a part withdrawn."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.line, pytest.mark.timeout(180)]

SCRIPT = Path(__file__).parents[1] / "scripts" / "setup.sh"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with lock files that want `always`, and for the engine `ears`, which needs `brain`, and `voice`."""
    (tmp_path / "wheels").mkdir()
    (tmp_path / "requirements").mkdir()
    locked = {
        name: f"{name}==1.0 \\\n    --hash=sha256:{wheel(tmp_path, name)}\n" for name in ("always", "brain", "voice")
    }
    locked["ears"] = f"ears==1.0 \\\n    --hash=sha256:{wheel(tmp_path, 'ears', needs='brain')}\n"
    (tmp_path / "requirements" / "all.lock").write_text(locked["always"])
    (tmp_path / "requirements" / "engine.lock").write_text(locked["brain"] + locked["ears"] + locked["voice"])
    return tmp_path


def wheel(folder: Path, name: str, needs: str | None = None) -> str:
    """Write a package of one empty module and return its hash."""
    path = folder / "wheels" / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}.py", "")
        requires = f"Requires-Dist: {needs}\n" if needs else ""
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def set_up(folder: Path) -> subprocess.CompletedProcess[str]:
    links = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(
        ["sh", str(SCRIPT), "venv"],
        cwd=folder,
        env={**os.environ, **links},
        capture_output=True,
        text=True,
        check=False,
    )


def installed(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "venv").glob("lib/python*/site-packages/*.py")} & {
        *("always", "brain", "ears", "voice")
    }


def test_all_parts_are_installed(checkout: Path) -> None:
    done = set_up(checkout)
    assert (done.returncode, done.stderr) == (0, "")
    assert installed(checkout) == {"always", "brain", "ears", "voice"}


@pytest.mark.soak
def test_a_withdrawn_part_is_named_and_the_others_are_installed(checkout: Path) -> None:
    (checkout / "wheels" / "voice-1.0-py3-none-any.whl").unlink()
    done = set_up(checkout)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "Not to be had: voice==1.0. The emulator's engine does less without it;"
        " venv/bin/python -m emulator.engine.local says what."
    ]
    assert installed(checkout) == {"always", "brain", "ears"}


@pytest.mark.soak
def test_a_part_with_another_hash_is_as_good_as_withdrawn(checkout: Path) -> None:
    wheel(checkout, "voice", needs="brain")
    assert "Not to be had: voice==1.0." in set_up(checkout).stderr
    assert installed(checkout) == {"always", "brain", "ears"}


def test_without_what_the_service_needs_nothing_is_set_up(checkout: Path) -> None:
    (checkout / "wheels" / "always-1.0-py3-none-any.whl").unlink()
    done = set_up(checkout)
    assert done.returncode != 0
    assert "always==1.0" in done.stderr
    assert installed(checkout) == set()
