"""A flood of refusals at any endpoint: a line of the log per caller and minute, and admins see the counts."""

from __future__ import annotations

import asyncio
import logging

import pytest

from http_serving.refusals import REPORT_S
from tests.support.access import ADMIN, GRID, ask, call_token, read_refusal, trickle
from tests.support.line import line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

STRANGER = {"X-Forwarded-For": "203.0.113.9"}
GUESSER = {"X-Forwarded-For": "2600:1f18:1:2::7"}


async def test_who_is_refused_again_and_again_is_told_once_a_minute_with_counts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with line(admin_reads_per_s=1, admin_changes_per_s=1000) as whole:
        for number in range(300):
            await ask(whole, "GET", "/api/rooms", STRANGER | {"X-API-Key": f"wrong-{number}"})
        for number in range(50):
            await ask(whole, "POST", f"/api/join/{number:06}", GUESSER, {"purpose": "captions"})
        for _ in range(20):
            await ask(whole, "GET", "/api/rooms", ADMIN)
        await ask(whole, "POST", "/webhooks/eventgrid", STRANGER | {"X-Webhook-Secret": "wrong"}, [])
        await ask(whole, "POST", "/webhooks/eventgrid", GRID, "no JSON")  # with proof: a mistake, no attempt
        await ask(whole, "POST", "/webhooks/calls/guessed", STRANGER | call_token(whole, "expired"), [])
        async with whole.http.get(f"{whole.base_url}/nowhere", headers=STRANGER) as response:
            assert response.status == 404
        assert read_refusal(await trickle(whole, b"no HTTP\r\n\r\n"))[0] == 400
        await asyncio.sleep(1.1 * REPORT_S)
        lines = {vars(one)["caller"]: vars(one) for one in caplog.records if one.message == "requests refused"}
        answer = await whole.api("GET", "/api/refusals")
    assert len([one for one in caplog.records if one.message == "requests refused"]) == len(lines) == 4
    stranger = lines["203.0.113.9"]["refused"]
    assert sum(stranger.values()) == 303
    assert set(stranger) >= {"/api unauthorized", "/api rate_limited", "other not_found"}
    guesses = lines["2600:1f18:1:2::/64"]["refused"]
    assert guesses["/api/join not_found"] >= 20
    assert sum(guesses.values()) == 50
    assert lines["tests"]["refused"]["/api rate_limited"] >= 5
    assert lines["127.0.0.1"]["refused"] == {"connection malformed_request": 1}
    shown = {(one["caller"], one["endpoint"] + " " + one["reason"]): one["count"] for one in answer["items"]}
    assert shown == {(caller, what): count for caller, told in lines.items() for what, count in told["refused"].items()}
    assert answer["next_cursor"] is None
    assert not any("guessed" in record.getMessage() + str(vars(record)) for record in caplog.records)
