from __future__ import annotations

import pytest

from emulator.engine.local.translating import routes
from emulator.engine.local.translating.apertium import known_pairs
from emulator.engine.local.translating.routes import MEASURED, name, paths
from emulator.engine.local.translating.translator import MODELS

ALL = {*known_pairs(), *MODELS}


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [("en", "pt", "en-pt"), ("en", "es", "en-pt-es"), ("es", "en", "es-pt-en"), ("es", "it", "es-it")],
)
def test_english_goes_through_portuguese(source: str, target: str, expected: str) -> None:
    assert name(paths(ALL, source, target)[0]) == expected


def test_without_the_models_rules_alone_lead_there() -> None:
    assert name(paths(known_pairs(), "en", "es")[0]) == "en-es"
    assert name(paths(known_pairs(), "en", "pt")[0]) == "en-es-pt"


def test_no_path_leads_where_no_step_goes() -> None:
    assert paths(ALL, "en", "de") == paths(ALL, "xx", "en") == []


def test_a_path_never_comes_back_and_has_three_steps_at_most() -> None:
    for path in paths(ALL, "it", "en"):
        languages = name(path).split("-")
        assert len(languages) == len(set(languages)) <= 4


def test_a_longer_path_must_be_better_by_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [("a", "b"), ("b", "c"), ("a", "c")]
    monkeypatch.setattr(routes, "MEASURED", {"a-c": 0.80, "a-b-c": 0.815})
    assert [name(path) for path in paths(steps, "a", "c")] == ["a-b-c", "a-c"]
    monkeypatch.setattr(routes, "MEASURED", {"a-c": 0.80, "a-b-c": 0.805})
    assert [name(path) for path in paths(steps, "a", "c")] == ["a-c", "a-b-c"]


def test_what_is_not_measured_comes_last_the_shortest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [("a", "b"), ("b", "c"), ("a", "c"), ("a", "d"), ("d", "c")]
    monkeypatch.setattr(routes, "MEASURED", {"a-d-c": 0.1})
    assert [name(path) for path in paths(steps, "a", "c")] == ["a-d-c", "a-c", "a-b-c"]


def test_only_paths_that_exist_are_measured() -> None:
    for written in MEASURED:
        languages = written.split("-")
        assert set(zip(languages, languages[1:], strict=False)) <= ALL
