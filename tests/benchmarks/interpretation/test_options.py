"""What is interpreted according to the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import read_arguments


def test_by_default_all_sets_by_the_local_engine() -> None:
    wanted = read_arguments(["--only", "interpretation"])
    assert wanted.parts == {"interpretation"}
    golden = wanted.interpretation
    assert [(one.name, len(one.utterances)) for one in golden.sets] == [("legal", 60), ("medical", 60), ("support", 60)]
    assert (golden.model, golden.mode, golden.requirements) == (None, "consecutive", {})


def test_one_set_quickly_with_bounds_and_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AZURE_AI_ENDPOINT", "https://model.example")
    monkeypatch.setenv("AZURE_AI_REALTIME_DEPLOYMENT", "gpt-realtime")
    words = "--only interpretation --set legal --quick --engine azure --mode simultaneous --require chrf=60,answered=0"
    wanted = read_arguments([*words.split(), "--json", "scores.json"])
    golden = wanted.interpretation
    assert [(one.name, len(one.utterances)) for one in golden.sets] == [("legal", 10)]
    assert golden.model is not None and golden.model["AZURE_AI_REALTIME_DEPLOYMENT"] == "gpt-realtime"
    assert (golden.mode, golden.requirements) == ("simultaneous", {"chrf": 60, "answered": 0})
    assert wanted.json == Path("scores.json").resolve()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--engine", "azure"], "AZURE_AI_REALTIME_DEPLOYMENT: is not set"),
        (["--set", "nonsense"], "no such file"),
        (["--require", "bleu=3"], "'bleu' is none of spoken"),
        (["--require", "chrf"], "'chrf' is not chrf=NUMBER"),
        (["--engine", "other"], "invalid choice"),
    ],
)
def test_what_makes_no_sense(
    wrong: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        read_arguments(wrong)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
