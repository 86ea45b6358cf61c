"""Recordings of the canary: what is read, and what is refused."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from bot.commands.canary.sentences import BUILT_IN, UnusableSentences, recorded


def write(path: Path, rate: int = 16_000, channels: int = 1, seconds: float = 0.1, text: str | None = "Hello.") -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(bytes(round(seconds * rate) * 2 * channels))
    if text is not None:
        path.with_suffix(".txt").write_text(text)


def test_recordings_and_their_texts(tmp_path: Path) -> None:
    write(tmp_path / "b.wav", text="The train to Madrid.\nMadrid\n\n")
    write(tmp_path / "a.wav", rate=24_000)
    first, second = recorded(tmp_path)
    assert (first.text, first.expected, first.rate, len(first.pcm)) == ("Hello.", (), 24_000, 4_800)
    assert (second.text, second.expected, second.rate) == ("The train to Madrid.", ("Madrid",), 16_000)


@pytest.mark.parametrize("wrong", [{"rate": 44_100}, {"channels": 2}, {"seconds": 61.0}, {"text": None}, {"text": ""}])
def test_recordings_that_cannot_be_used(tmp_path: Path, wrong: dict[str, object]) -> None:
    write(tmp_path / "a.wav", **wrong)  # type: ignore[arg-type]  # one of its arguments
    with pytest.raises(UnusableSentences, match=r"a\.wav"):
        recorded(tmp_path)


def test_what_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(UnusableSentences, match="has no .wav files"):
        recorded(tmp_path)
    (tmp_path / "a.wav").write_text("no sound")
    (tmp_path / "a.txt").write_text("Hello.")
    with pytest.raises(UnusableSentences):
        recorded(tmp_path)


def test_built_in_sentences_have_something_to_expect() -> None:
    assert all(expected for _, expected in BUILT_IN)
