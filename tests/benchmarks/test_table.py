from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from benchmarks import table
from benchmarks.capacity import Capacity
from benchmarks.flood import Flood, FloodHalf
from benchmarks.hot_paths.timing import Timing
from benchmarks.line import Generator
from benchmarks.observations import Losses
from benchmarks.percentiles import Spread
from benchmarks.stall import Stall
from benchmarks.table import Row, rows
from tests.support.benchmarks import run

FLOOR = run(subject="floor", cpu_per_call_minute=0.1, up=Spread(100, 0.5, 1.0, 1.5, 2.0))


def row(name: str, found: list[Row]) -> Row:
    return next(one for one in found if one.measure.startswith(name))


def shown(show: object, *what: object) -> str:
    screen = Console(file=StringIO(), width=132, highlight=False)
    assert callable(show)
    show(screen, *what)
    file = screen.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def test_side_by_side_with_ratio_and_target() -> None:
    assert row("frame in", rows(FLOOR, run())) == Row(
        "frame in → model, ms  p50 / p95 / p99", "0.5 / 1.0 / 1.5", "1.0 / 2.0 / 3.0", "2.0 ×", "p95 ≤ 5", True
    )


def test_cpu_is_judged_beside_the_floor() -> None:
    assert row("CPU", rows(FLOOR, run(cpu_per_call_minute=0.2))).met is True
    assert row("CPU", rows(FLOOR, run(cpu_per_call_minute=0.21))).met is False
    assert row("CPU", rows(None, run())).met is None


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"up": Spread(100, 1.0, 5.1, 6.0, 7.0)}, "frame in"),
        ({"down": Spread(100, 1.0, 5.1, 6.0, 7.0)}, "model →"),
        ({"own_share": Spread(100, 1.0, 80.5, 81.0, 90.0)}, "own share"),
        ({"jitter": Spread(100, 1.0, 2.0, 10.5, 11.0)}, "pacing jitter"),
        ({"ahead_ms": 201.0}, "most ahead"),
        ({"mib_per_call": 2.1}, "memory"),
        ({"lost_to_the_model": Losses(1, 500)}, "speech frames"),
        ({"lost_to_the_call": Losses(1, 500)}, "interpretation frames"),
    ],
)
def test_a_target_missed_is_marked(changes: dict[str, object], name: str) -> None:
    assert row(name, rows(FLOOR, run())).met is True
    assert row(name, rows(FLOOR, run(**changes))).met is False
    assert row(name, rows(run(**changes), run())).met is True, "targets are the bot's, not the floor's"


def test_what_a_process_needs_once_is_not_held_against_one_call() -> None:
    assert row("memory", rows(None, run(calls=1, mib_per_call=3.0))).met is None


def test_what_was_not_measured_is_neither_zero_nor_met() -> None:
    nothing = run(up=None, down=None, own_share=None, jitter=None, ahead_ms=None, lost_to_the_call=Losses(0, 0))
    for name in ("frame in", "model →", "own share", "pacing jitter", "most ahead", "interpretation frames"):
        assert row(name, rows(FLOOR, nothing)).met is None
    assert row("frame in", rows(FLOOR, nothing)).bot == "–"


def test_few_values_are_counted() -> None:
    assert row("model →", rows(FLOOR, run(down=Spread(4, 1.0, 2.0, 2.0, 2.0)))).bot == "1.0 / 2.0 / 2.0 (4×)"


def test_one_table_per_number_of_calls() -> None:
    text = shown(table.show_line, [run(calls=1), run(calls=50), run(calls=50, subject="floor")])
    assert text.index("1 call, two speakers each, 20 s") < text.index("50 calls, two speakers each")


def test_an_overloaded_load_is_shown() -> None:
    late = run(generator=Generator(late_p99_ms=12.0, core_share=0.5, frames_dropped=0))
    assert row("load: lateness", rows(FLOOR, late)).bot == "12.0"
    assert row("load: share", rows(FLOOR, late)).bot == "50%"
    assert "The load was at its limit" in shown(table.show_line, [late])
    assert "The load was" not in shown(table.show_line, [run()])


def test_other_programs_on_the_cores_are_shown() -> None:
    disturbed = run(generator=Generator(late_p99_ms=1.0, core_share=0.5, frames_dropped=0, others_share=0.4))
    assert row("other programs", rows(FLOOR, disturbed)).bot == "40%"
    assert "Other programs used these cores" in shown(table.show_line, [disturbed])


def test_the_flood() -> None:
    quiet, flooded = (
        FloodHalf(Spread(100, 1.0, 2.0, p99, 9.0), Spread(9, 20.0, 25.0, 30.0, 31.0), Losses(missing, 500), share, 1.0)
        for p99, missing, share in ((4.0, 0, 0.2), (5.0, 3, 0.4))
    )
    flood = Flood(5, 10.0, quiet, flooded, 1_000.0, {"200": 1_500, "429": 40})
    text = shown(table.show_flood, flood)
    assert "1.25" in text
    assert "3 of 500" in text
    assert "1500 × 200, 40 × 429" in text
    assert flood.jitter_ratio == 1.25
    assert Flood(5, 10.0, FloodHalf(None, None, Losses(0, 0), 0.0, 0.0), flooded, 0.0, {}).jitter_ratio is None


def test_the_stall() -> None:
    stall = Stall(10, 30.0, 100.0, 110.0, 105.0, 3_500.0, 9_000.0, 4_000.0, 30, 12)
    text = shown(table.show_stall, stall)
    assert "100 → 110 → 105" in text
    assert "30, 12" in text
    assert text.count("✗") == 1, "audio was older than 3 s; memory grew by 1 MiB per call, which is within 2"


def test_hot_paths() -> None:
    assert "12.50" in (text := shown(table.show_hot_paths, [Timing("decode", 12.5)]))
    assert "6.2%" in text, "12.5 µs, 100 speakers, 50 frames a second"


def test_capacity() -> None:
    carried = [Capacity("floor", 300, "delay", [run(calls=300)]), Capacity("bot", 150, "core", [run(calls=150)])]
    text = shown(table.show_capacity, carried)
    assert "150" in text and "✗" in text
    unknown = shown(table.show_capacity, [Capacity("bot", 150, "load", [run(calls=150)])])
    assert "✗" not in unknown and "✓" not in unknown, "the load gave up first: nothing is known of the bot"
