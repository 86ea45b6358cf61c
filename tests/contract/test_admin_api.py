"""The HTTP surface as its own description says it: whatever is sent, no 500, and no answer that is not described."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.line import ADMIN_KEY, line

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
CASES = [2, pytest.param(12, marks=pytest.mark.soak)]
"""Per operation, of each kind; twelve take some 40 s in all."""


def explore(base_url: str, known: dict[str, str], cases: int) -> tuple[int, list[str]]:
    """Send every operation sensible and senseless requests; how many, and what was wrong with the answers."""
    schema = schemathesis.openapi.from_url(f"{base_url}/openapi.json")
    sent = 0
    wrong: list[str] = []
    chance = random.Random(0)

    def send(operation: Any, strategy: Any) -> None:
        @settings(
            max_examples=cases,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(st.data())
        def attempt(data: Any) -> None:
            nonlocal sent
            case = data.draw(strategy)
            # Made-up ids name nothing: half of the requests are about something that is there.
            for name in known.keys() & (case.path_parameters or {}).keys():
                if chance.random() < 0.7:
                    case.path_parameters[name] = known[name]
            if case.method == "DELETE":
                case.path_parameters["room_id"] = "room-0"  # the others still need what is there
            response = case.call(headers={"X-API-Key": ADMIN_KEY}, timeout=30)
            sent += 1
            try:
                case.validate_response(response, checks=CHECKS)
            except Exception as error:
                wrong.append(f"{case.method} {case.formatted_path}: {response.status_code}: {error}")

        try:
            attempt()
        except Unsatisfiable:
            pass  # nothing senseless can be sent to an operation that takes nothing

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            send(operation, operation.as_strategy(generation_mode=mode))
    return sent, wrong


# The service runs in the same process, and its jitter draws from `random` while a request is being made up.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("cases", CASES)
@pytest.mark.timeout(240)
async def test_whatever_is_sent_the_answer_is_one_that_is_described(cases: int) -> None:
    async with line(admin_reads_per_s=1e6, admin_changes_per_s=1e6) as whole:
        room = await whole.room()
        participant = (await whole.api("GET", f"/api/rooms/{room.room_id}/participants"))["items"][0]
        known = {"room_id": room.room_id, "participant_id": participant["participant_id"]}
        sent, wrong = await asyncio.to_thread(explore, whole.base_url, known, cases)
    assert sent > 25 * cases
    assert not wrong, "\n\n".join(wrong[:10])
