"""The schema of the fault document says the same as the reader of the document."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from emulator.faults import FaultPlan, RealtimePart
from emulator.openapi.descriptions import fault_schema
from emulator.realtime.faults.rules import RealtimeFaults


@pytest.mark.parametrize(
    ("document", "good"),
    [
        ({}, True),
        ({"http": [{"path": "/rooms", "status": 503, "times": 2}]}, True),
        ({"http": [{"path": "/rooms", "status": 199}]}, False),
        ({"http": [{"status": 503}]}, False),
        ({"callbacks": [{"types": ["CallConnected"], "lost": True}], "media": {"jitter_ms": 40}}, True),
        ({"media": {"jitter_ms": -1}}, False),
        ({"switches": {"page_size": 2}}, True),
        ({"switches": {"page_sizes": 2}}, False),
        ({"realtime": {"rules": [{"do": "refuse", "times": 1}]}}, True),
        ({"realtime": {"rules": [{"do": "nonsense"}]}}, False),
        ({"realtime": {"rules": [{"do": "refuse", "often": 1}]}}, False),
        ({"faults": []}, False),
    ],
)
def test_the_schema_agrees_with_the_reader(document: dict[str, Any], good: bool) -> None:
    assert jsonschema_rs.validator_for(fault_schema()).is_valid(document) == good
    plan = FaultPlan()
    plan.attach(RealtimePart(lambda part: [RealtimeFaults.from_dict(part)].clear, dict))
    if good:
        plan.replace(document)
    else:
        with pytest.raises(ValueError, match=r"."):
            plan.replace(document)
