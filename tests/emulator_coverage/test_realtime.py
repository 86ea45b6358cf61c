"""The table of what is served: every row has its test, nothing that exists is missing."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from openai.types.realtime import (
    RealtimeClientEvent,
    RealtimeServerEvent,
    RealtimeTranslationClientEvent,
    RealtimeTranslationServerEvent,
)

from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultAction, Point
from emulator.realtime.translation_model import OutputMode, TranslationModel
from tests.emulator_coverage.realtime import ROWS, UNVERIFIED, Row, markdown
from tests.support.realtime_driver import Driver, SessionDriver, TranscriptionDriver, TranslationDriver

ROOT = Path(__file__).parents[2]
SWITCHES = {member.name for kind in (RealtimeConfig, TranslationModel, OutputMode) for member in fields(kind)}


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def names(area: str) -> set[str]:
    return {row.name for row in ROWS if row.area == area}


def event_types(union: Any) -> set[str]:
    """The `type` of every member of one of the SDK's unions."""
    members = get_args(get_args(union)[0] if get_origin(union) is Annotated else union)
    return {get_args(member.model_fields["type"].annotation)[0] for member in members}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.area}: {row.name}")
def test_every_row_has_a_test_that_exists_or_says_so(row: Row) -> None:
    if row.verified_by == UNVERIFIED:
        assert row.state != "served"
        assert row.note
    else:
        path, _, test = row.verified_by.partition("::")
        assert test in functions_of(path)
    assert row.switch in {"", *SWITCHES}


def test_no_row_stands_twice() -> None:
    keys = [(row.area, row.name) for row in ROWS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("area", "union"),
    [
        ("conversation: client events", RealtimeClientEvent),
        ("conversation: server events", RealtimeServerEvent),
        ("translation: client events", RealtimeTranslationClientEvent),
        ("translation: server events", RealtimeTranslationServerEvent),
    ],
)
def test_every_event_the_vendor_knows_has_a_row(area: str, union: Any) -> None:
    assert names(area) == event_types(union)


@pytest.mark.parametrize(
    ("area", "session"),
    [("conversation", Driver), ("translation", TranslationDriver), ("transcription", TranscriptionDriver)],
)
def test_what_is_served_is_what_sessions_take(area: str, session: Callable[[], SessionDriver]) -> None:
    served = {row.name for row in ROWS if row.area == f"{area}: client events" and row.state != "not served"}
    assert served == set(session().session._events)  # type: ignore[attr-defined]  # of every BaseSession


def test_every_fault_has_a_row() -> None:
    assert {row.name for row in ROWS if row.area == "faults" and row.state == "served"} == set(get_args(FaultAction))
    assert names("faults at a point") == set(get_args(Point))


def test_the_page_has_every_row() -> None:
    page = markdown()
    assert page.count("\n| ") == len(ROWS) + len({row.area for row in ROWS})
    assert all(f"| {row.name} | {row.state} |" in page for row in ROWS)
