from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import capacity
from benchmarks.__main__ import HOT_PATHS, main, read_arguments
from benchmarks.turns import scenes


def test_by_default_everything_but_the_capacity() -> None:
    wanted = read_arguments([])
    assert wanted.parts == {
        "line",
        "stall",
        "flood",
        "joins",
        "emulator",
        "hot-paths",
        "admin-reads",
        "guard",
        "turns",
        "lag",
        "listeners",
    }
    assert (wanted.calls, wanted.seconds, wanted.stall_s) == ((1, 10, 50), 12.0, 10.0)
    assert wanted.hot_paths == HOT_PATHS


def test_one_part_or_one_hot_path() -> None:
    assert read_arguments(["--only", "stall", "--long"]).parts == {"stall"}
    assert read_arguments(["--only", "stall", "--long"]).stall_s == 30.0
    assert read_arguments(["--only", "pacer"]).hot_paths == ("pacer",)
    assert read_arguments(["--only", "pacer"]).parts == {"hot-paths"}


def test_ends_of_turns_under_all_conditions_or_a_few() -> None:
    assert read_arguments(["--only", "turns"]).conditions == tuple(scenes.CONDITIONS)
    assert read_arguments(["--only", "turns", "--quick"]).conditions == scenes.QUICK


def test_the_capacity_has_its_own_steps() -> None:
    wanted = read_arguments(["--capacity"])
    assert wanted.parts == {"capacity"}
    assert wanted.calls == capacity.STEPS
    assert read_arguments(["--capacity", "--calls", "100,200"]).calls == [100, 200]


@pytest.mark.parametrize("wrong", [["--calls", "0"], ["--calls", "a"], ["--seconds", "0.5"], ["--only", "nothing"]])
def test_arguments_that_make_no_sense(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_arguments(wrong)
    assert ended.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_hot_path_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "media_encode", "--output", str(tmp_path)]) == 0
    document = json.loads((tmp_path / "results.json").read_bytes())
    assert [timing["name"] for timing in document["hot_paths"]] == ["media encode"]
    assert "media encode" in capsys.readouterr().out
