"""A meeting over real sockets, seen through `/metrics`."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from bot.telemetry.catalogue import METRICS
from tests.support.line import line
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


async def test_a_meeting_is_seen_through_its_metrics(english: bytes) -> None:
    async with line(model_prices='{"currency": "EUR", "per_million_tokens": {"input_audio": 1000}}') as running:
        room = await running.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(english)
            await room.until_passages(1)
            async with running.http.get(f"{running.base_url}/api/rooms") as response:
                assert response.status == 401
            async with running.http.get(f"{running.base_url}/metrics") as response:
                text = await response.text()
            async with running.http.get(f"{running.base_url}/readyz") as response:
                ready = await response.json()
    assert (ready["status"], ready["store"], ready["acs"], ready["model"]) == ("ready", "ok", "ok", "ok")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families.keys() >= {metric.name.removesuffix("_total") for metric in METRICS}

    def value(name: str, **labels: str) -> float:
        family = families[name.removesuffix("_total").removesuffix("_count")]
        (found,) = [one.value for one in family.samples if one.name == name and one.labels == labels]
        return found

    assert value("interpreter_utterances_total", kind="utterance", state="spoken", reason="") == 1
    assert value("interpreter_ear_voice_span_seconds_count") == 1
    assert value("interpreter_calls", state="streaming") == 1
    assert value("interpreter_cost_total", currency="EUR") > 0
    assert value("interpreter_events_total", event="interpreter.joined", reason="") == 1
    assert value("interpreter_media_messages_total", kind="received") > 100
    assert value("interpreter_media_audio_seconds_total", fate="sent") > 0.5
    assert value("interpreter_model_audio_seconds_total", fate="taken") > 0.5
    assert value("interpreter_model_messages_total", kind="garbage") == 0
    assert value("interpreter_requests_total", to="acs", outcome="ok") > 0
    assert value("interpreter_requests_total", to="model", outcome="ok") > 0
    assert value("interpreter_frame_lateness_seconds_count") > 10
    assert value("interpreter_webhook_events_total", outcome="delivered") > 0
    assert value("interpreter_refusals_total", endpoint="/api", reason="unauthorized") == 1
    assert not {word for word in (room.room_id, "Ana", "Luis", "en-US", "es-ES") if word in text}
