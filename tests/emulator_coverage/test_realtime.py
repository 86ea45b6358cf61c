"""The rows of the Realtime side against the vendor's events, the sessions and the faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
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
from tests.emulator_coverage import REALTIME
from tests.support.realtime_driver import Driver, SessionDriver, TranscriptionDriver, TranslationDriver

SWITCHES = {member.name for kind in (RealtimeConfig, TranslationModel, OutputMode) for member in fields(kind)}


def names(subject: str, state: str | None = None) -> set[str]:
    return {row.operation for row in REALTIME if row.subject == subject and state in (None, row.state)}


def event_types(union: Any) -> set[str]:
    """The `type` of every member of one of the SDK's unions."""
    members = get_args(get_args(union)[0] if get_origin(union) is Annotated else union)
    return {get_args(member.model_fields["type"].annotation)[0] for member in members}


def test_every_switch_exists() -> None:
    assert {switch for row in REALTIME for switch in row.switches} <= SWITCHES


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
    served = {
        row.operation for row in REALTIME if row.subject == f"{area}: client events" and row.state != "not served"
    }
    assert served == set(session().session._events)  # type: ignore[attr-defined]  # of every BaseSession


def test_every_fault_has_a_row() -> None:
    assert {row.operation for row in REALTIME if row.subject == "faults" and row.state == "served"} == set(
        get_args(FaultAction)
    )
    assert names("faults at a point") == set(get_args(Point))
