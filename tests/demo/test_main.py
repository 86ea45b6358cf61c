"""The command line: what it refuses, and which files it keeps in its folder."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from demo import run_meeting
from demo.__main__ import main


def test_a_wrong_request_is_refused_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--speak", "hello.wav", "--out", str(tmp_path / "out")]) == 2
    assert "is not language:file" in capsys.readouterr().err
    assert main(["--speak", "ja:a.wav en:b.wav", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1, "one line, and no meeting"
    assert main(["--speak", f"en:{tmp_path}/none.wav", "--out", str(tmp_path / "out")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.line
def test_run_names_the_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["run", "--acs-port", str(port), "--out", str(tmp_path)]) == 2
    assert f"port {port} of the emulator is taken; choose another with --acs-port" in capsys.readouterr().err


def test_only_what_a_demo_wrote_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    old = ["ana.wav", "report.json", "transcript.vtt", "transcript.json", "logs/bot.log"]
    kept = ["notes.txt", "logs/notes.txt"]
    for name in (*old, *kept):
        (tmp_path / name).write_text("x")
    run_meeting.prepare(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_the_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    run_meeting.prepare(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "logs").is_dir()
