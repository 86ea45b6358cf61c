"""Reading `SPEAK` and cutting recordings into turns."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from demo import own_recordings
from demo.own_recordings import Recording, UnusableRecording, WrongRequest
from demo.recording_analysis import RATE
from emulator.client import write_wav
from tests.support.sounds import joined, silence, speech


def test_files_keep_their_order_and_get_a_region() -> None:
    assert own_recordings.parse("en:a.wav es:b.wav en:c.wav") == [
        Recording("en-US", Path("a.wav")),
        Recording("es-ES", Path("b.wav")),
        Recording("en-US", Path("c.wav")),
    ]


def test_quotes_keep_a_path_together_and_tags_keep_their_region() -> None:
    assert own_recordings.parse("en-gb:'my voice.wav'") == [Recording("en-GB", Path("my voice.wav"))]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ("", "names no file"),
        ("a.wav", "'a.wav' is not language:file"),
        ("en:", "'en:' is not language:file"),
        ("english language:a.wav", "'english' is not language:file"),
        ("en:'a.wav", "No closing quotation"),
        ("sw:a.wav en:b.wav", "cannot recognise 'sw'; it recognises ar, ca"),
        ("en:a.wav gl-ES:b.wav", "cannot recognise 'gl-ES'; it recognises ar, ca"),
        ("en:a.wav es:b.wav fr:c.wav", "at most two languages are possible, got en, es, fr"),
    ],
)
def test_what_is_wrong_is_said(request_: str, said: str) -> None:
    with pytest.raises(WrongRequest, match=said):
        own_recordings.parse(request_)


def test_one_person_for_each_language_in_the_order_of_speaking() -> None:
    people = own_recordings.people(own_recordings.parse("es:a.wav en:b.wav es:c.wav"))
    assert [(one.name, one.language) for one in people] == [("Ana", "es-ES"), ("Luis", "en-US")]


@pytest.mark.parametrize(("request_", "listener"), [("en:a.wav", "es-ES"), ("fr:a.wav", "en-US")])
def test_with_one_language_somebody_else_listens(request_: str, listener: str) -> None:
    assert [one.language for one in own_recordings.people(own_recordings.parse(request_))][1] == listener


def test_a_file_is_cut_at_long_pauses_only(tmp_path: Path) -> None:
    path = tmp_path / "two.wav"
    sound = joined(
        silence(1),
        speech(0.5, 1),
        silence(0.5),
        speech(0.5, 2),
        silence(1),
        speech(0.3, 3),
        silence(1),
        speech(0.05, 4),
    )
    write_wav(path, sound.tobytes())
    recordings = [Recording("en-US", path)]
    first, second = own_recordings.turns(recordings, own_recordings.people(recordings))
    assert first.recording is not None and second.recording is not None
    assert len(first.recording) == RATE * 19 // 10  # 1.5 s and 200 ms of silence at either end
    assert len(second.recording) == RATE * 7 // 10
    assert [one.why for one in (first, second)] == ["two.wav, part 1", "two.wav, part 2"]


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 2), (44_100, 2), (48_000, 1)])
def test_any_rate_and_channels_are_read(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "voice.wav"
    tone = (8_000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(tone, channels).tobytes())
    samples = own_recordings.read(path)
    assert abs(len(samples) - RATE) <= 1
    spectrum = np.abs(np.fft.rfft(samples[:RATE].astype(float)))
    assert int(spectrum.argmax()) == 440
    assert abs(float(np.abs(samples[2_000:-2_000]).max()) - 8_000) < 200


def test_files_that_cannot_be_spoken_are_named(tmp_path: Path) -> None:
    missing, text, silent = tmp_path / "missing.wav", tmp_path / "text.wav", tmp_path / "silent.wav"
    text.write_text("not a recording")
    write_wav(silent, silence(2).tobytes())
    with pytest.raises(UnusableRecording, match=r"missing\.wav: No such file"):
        own_recordings.read(missing)
    with pytest.raises(UnusableRecording, match=r"text\.wav: .*ffmpeg"):
        own_recordings.read(text)
    recordings = [Recording("en-US", silent)]
    with pytest.raises(UnusableRecording, match=r"silent\.wav: contains no sound"):
        own_recordings.turns(recordings, own_recordings.people(recordings))


def test_a_very_long_recording_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_recordings, "LONGEST_S", 60)
    path = tmp_path / "long.wav"
    write_wav(path, silence(own_recordings.LONGEST_S + 1).tobytes())
    with pytest.raises(UnusableRecording, match="1 minutes long; at most 1 are possible"):
        own_recordings.read(path)


def test_texts_beside_a_recording_are_its_transcript_and_translations(tmp_path: Path) -> None:
    for name in ("hello.txt", "hello.es.txt", "hello-2.txt", "hello.notes.txt", "hello.wav"):
        (tmp_path / name).write_text(f" {name}\n", encoding="utf-8")
    assert own_recordings.texts_beside(tmp_path / "hello.wav") == {"": "hello.txt", "es": "hello.es.txt"}
    assert own_recordings.texts_beside(tmp_path / "hello-2.wav") == {"": "hello-2.txt"}
    (tmp_path / "hello.txt").write_bytes(b"\xff")
    with pytest.raises(UnusableRecording, match="not UTF-8"):
        own_recordings.texts_beside(tmp_path / "hello.wav")
