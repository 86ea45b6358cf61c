"""The table of golden sets, on a screen of 80 characters."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console

from benchmarks.interpretation.scores import MEASURES
from benchmarks.interpretation.table import ROWS, show, unmet
from tests.support.golden import GOOD, SILENT, direction


def shown(*, directions: int = 1, **requirements: float) -> str:
    screen = StringIO()
    wrong = replace(GOOD, rendition="Cerrado [/bold].", heard=None)
    show(
        Console(file=screen, width=80),
        "interpretation, local",
        [direction(GOOD, SILENT, wrong)] * directions,
        requirements,
    )
    return screen.getvalue()


def test_every_measure_has_a_row() -> None:
    assert ROWS.keys() == MEASURES.keys()


def test_a_column_per_direction_and_the_worst_renditions() -> None:
    lines = shown().splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines), "nothing is cut off"
    cells = {line.strip().split("  ")[0]: line.split()[-1] for line in lines if line.split()}
    assert cells["spoken to the end"] == "2/3"
    assert (cells["recognised, WER %"], cells["heard, WER %"]) == ("0", "0")
    assert (cells["same numbers"], cells["right terms"], cells["answered instead"]) == ("1/3", "1/3", "0/3")
    assert (cells["ear-voice span, s"], cells["Average Lagging, s"]) == ("1.5", "3.5")
    assert "nothing  (empty)" in "\n".join(lines)
    assert "Cerrado [/bold]." in "\n".join(lines), "a rendition is no markup"
    assert sum("chrF" in line and line.startswith(" 001") for line in lines) == 2, "not the one that is good"


def test_six_directions_beside_each_other_are_no_wider_than_a_terminal() -> None:
    lines = shown(directions=7).splitlines()
    assert sum(line.startswith("interpretation") for line in lines) == 2
    assert [line.count("en → es") for line in lines if "en → es" in line and "worst" not in line] == [6, 1]
    assert max(map(len, lines)) <= 80 and not any("…" in line for line in lines)


def test_varieties_of_a_language_are_told_apart() -> None:
    variety = replace(direction(GOOD), source="en-US", target="en-GB")
    assert unmet([variety], {"chrf": 101.0}) == ["test, en-US → en-GB: chrf is 100, at least 101 is required"]


def test_bounds_that_were_missed_are_named() -> None:
    assert "✗ test, en → es: numbers is 33.33, at least 90 is required" in shown(numbers=90.0, wer=0.0)
    assert unmet([direction(SILENT)], {"span": 2.0}) == ["test, en → es: span is not measured, at most 2 is required"]
