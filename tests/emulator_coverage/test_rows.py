"""All rows: no row twice, the named tests exist, limits are explained."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

from tests.emulator_coverage import ACS, REALTIME, Row
from tests.emulator_coverage.row import UNVERIFIED

ROOT = Path(__file__).parents[2]


@functools.cache
def functions_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("rows", [ACS, REALTIME], ids=["acs", "realtime"])
def test_no_row_is_there_twice(rows: tuple[Row, ...]) -> None:
    keys = [(row.subject, row.operation) for row in rows]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("row", ACS + REALTIME, ids=lambda row: f"{row.subject}: {row.operation}")
def test_a_row_names_tests_that_exist_or_says_what_is_missing(row: Row) -> None:
    assert row.verified_by
    for test in row.verified_by:
        if test != UNVERIFIED:
            path, _, name = test.partition("::")
            assert name.startswith("test_")
            assert name in functions_in(path), test
    assert row.state == "served" or row.limits
    if UNVERIFIED in row.verified_by:
        assert row.state != "served"
