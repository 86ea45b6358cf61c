"""Every fault switch of the Realtime server, seen from the vendor's client."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from math import inf
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from emulator.engine.scripted import marker_tone
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultRule
from emulator.realtime.wire import encode_audio
from tests.support.realtime_client import KEY, Service, Talk, realtime_service
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with realtime_service(config=RealtimeConfig(pace=8.0)) as running:
        yield running


async def speak(talk: Talk) -> None:
    """Configure, commit one second, ask for its interpretation."""
    await talk.configure()
    await talk.interpret(await talk.commit(marker_tone(1) * 5))


async def closed(talk: Talk) -> ConnectionClosed:
    """Read until the connection is gone; how it went."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            await talk.next()
    return caught.value


# -- upgrades


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_refused_upgrade(service: Service, status: int) -> None:
    service.misbehave(FaultRule("refuse", status=status, retry_after_s=2, error_code="slow_down", times=1))
    with pytest.raises(InvalidStatus) as caught:
        async with service.connect():
            pass
    response = caught.value.response
    assert response.status_code == status
    assert response.headers["Retry-After"] == "2"
    assert b'"slow_down"' in response.body
    async with service.connect() as talk:  # the rule is spent
        assert (await talk.next()).type == "session.created"


async def test_only_the_second_upgrade_is_refused(service: Service) -> None:
    service.misbehave(FaultRule("refuse", connection=2))
    async with service.connect():
        with pytest.raises(InvalidStatus):
            async with service.connect():
                pass
        async with service.connect():
            pass
    assert len(service.journal.entries("realtime.refused")) == 1


async def test_slow_handshake(service: Service) -> None:
    service.misbehave(FaultRule("slow_handshake", seconds=0.3))
    start = asyncio.get_running_loop().time()
    async with service.connect():
        assert round(asyncio.get_running_loop().time() - start, 3) >= 0.3


# -- closing


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 4000])
async def test_close_codes_after_session_created(service: Service, code: int) -> None:
    service.misbehave(FaultRule("close", close_code=code, reason="as asked"))
    async with service.connect() as talk:
        assert (await talk.next()).type == "session.created"
        end = await closed(talk)
    assert end.rcvd is not None
    assert (end.rcvd.code, end.rcvd.reason) == (code, "as asked")


async def test_close_at_connect_comes_before_any_event(service: Service) -> None:
    service.misbehave(FaultRule("close", at="connect"))
    async with service.connect() as talk:
        await closed(talk)
    assert talk.events == []


async def test_close_mid_response(service: Service) -> None:
    service.misbehave(FaultRule("close", at="mid_response", close_code=1012))
    async with service.connect() as talk:
        await speak(talk)
        end = await closed(talk)
    assert end.rcvd is not None
    assert end.rcvd.code == 1012
    assert "response.output_audio.delta" in talk.kinds()
    assert "response.output_audio.done" not in talk.kinds()


async def test_close_in_the_middle_of_a_word(service: Service) -> None:
    service.misbehave(FaultRule("close", at="mid_word"))
    async with service.connect() as talk:
        await speak(talk)
        await closed(talk)
    assert talk.kinds()[-1] == "response.output_audio_transcript.delta"
    assert "response.output_audio.delta" not in talk.kinds()


async def test_abort_leaves_no_close_frame(service: Service) -> None:
    service.misbehave(FaultRule("abort", at="first_delta"))
    async with service.connect() as talk:
        await speak(talk)
        end = await closed(talk)
    assert isinstance(end, ConnectionClosedError)
    assert end.rcvd is None


# -- frames


async def raw_frames(service: Service, *rules: FaultRule) -> list[str | bytes]:
    """The first three frames after the upgrade, as they came."""
    service.misbehave(*rules)
    async with connect(service.socket_url, additional_headers={"api-key": KEY}, proxy=None, max_size=None) as socket:
        await socket.send('{"type":"input_audio_buffer.clear"}')
        async with asyncio.timeout(30):
            return [await socket.recv() for _ in range(3)]


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        (FaultRule("garbage_text"), "this is not an event"),
        (FaultRule("malformed_json"), '{"type":"response.output_audio.delta","delta":"AAAA'),
        (FaultRule("binary_frame"), bytes(range(256))),
        (FaultRule("unknown_event"), '"type":"response.output_hologram.delta"'),
        (FaultRule("extra_fields"), '"region":"atlantis"'),
        (FaultRule("missing_event_id"), '{"type":"rate_limits.updated","rate_limits":[]}'),
        (FaultRule("huge_frame", size=1_500_000), "x" * 1_500_000),
        (FaultRule("error_event", error_code=None, message="odd"), '"code":null,"message":"odd"'),
    ],
    ids=lambda value: value.do if isinstance(value, FaultRule) else "",
)
async def test_odd_frames_come_between_good_ones(service: Service, rule: FaultRule, part: Any) -> None:
    created, odd, cleared = await raw_frames(service, rule)
    assert '"session.created"' in str(created)
    assert part in odd
    assert '"input_audio_buffer.cleared"' in str(cleared)


async def test_the_sdk_survives_unknown_events(service: Service) -> None:
    service.misbehave(FaultRule("unknown_event"), FaultRule("missing_event_id", at="response"))
    async with service.connect() as talk:
        await speak(talk)
        await talk.until("response.done")
    assert "response.output_hologram.delta" in talk.kinds()


# -- session.update


async def test_refused_and_delayed_update(service: Service) -> None:
    service.misbehave(
        FaultRule("refuse_session_update", times=1, error_code="server_error"),
        FaultRule("delay_session_updated", seconds=0.3),
    )
    async with service.connect() as talk:
        await talk.connection.session.update(session={"type": "realtime", "instructions": "x"})
        assert (await talk.until("error")).error.code == "server_error"
        start = asyncio.get_running_loop().time()
        await talk.configure()
        assert round(asyncio.get_running_loop().time() - start, 3) >= 0.3


# -- stalls


async def test_stalled_writes_hold_everything_back_and_lose_nothing(service: Service) -> None:
    service.misbehave(FaultRule("stall", at="updated", seconds=0.4, direction="writes", times=1))
    async with service.connect() as talk:
        start = asyncio.get_running_loop().time()
        await talk.configure()
        await speak(talk)
        await talk.until("response.done")
        assert round(asyncio.get_running_loop().time() - start, 3) >= 0.4


async def test_stalled_reads_leave_client_events_unseen(service: Service) -> None:
    service.misbehave(FaultRule("stall", seconds=0.5, direction="reads", times=1))
    start = asyncio.get_running_loop().time()
    async with service.connect() as talk:
        await talk.next()
        await talk.connection.input_audio_buffer.clear()
        await talk.until("input_audio_buffer.cleared")
        assert round(asyncio.get_running_loop().time() - start, 3) >= 0.4


# -- responses


@pytest.mark.parametrize(
    ("rule", "status", "reason"),
    [
        (FaultRule("fail_response", error_code="rate_limit_exceeded"), "failed", None),
        (FaultRule("incomplete_response", reason="content_filter"), "incomplete", "content_filter"),
    ],
    ids=["failed", "incomplete"],
)
async def test_bad_ends(service: Service, rule: FaultRule, status: str, reason: str | None) -> None:
    service.misbehave(rule)
    async with service.connect() as talk:
        await speak(talk)
        response = (await talk.until("response.done")).response
    assert (response.status, response.status_details.reason) == (status, reason)
    if status == "failed":
        assert response.status_details.error.code == "rate_limit_exceeded"


@pytest.mark.parametrize(("do", "deltas"), [("hang_response", 1), ("omit_done", 5)])
async def test_responses_that_never_finish_can_be_cancelled(service: Service, do: Any, deltas: int) -> None:
    service.misbehave(FaultRule(do))
    async with service.connect() as talk:
        await speak(talk)
        created = await talk.until("response.created")
        for _ in range(deltas):
            await talk.until("response.output_audio.delta")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await talk.until("response.done")
        await talk.connection.response.cancel(response_id=created.response.id)
        assert (await talk.until("response.done")).response.status == "cancelled"


@pytest.mark.parametrize(
    ("rule", "transcript"),
    [
        (FaultRule("say", text="Sure, I can help with that!"), "Sure, I can help with that!"),
        (FaultRule("say", target="es", text="Guten Tag"), "Guten Tag"),
        (FaultRule("wrong_language", language="fr"), "[fr] utterance 1"),
        (FaultRule("echo"), "utterance 1"),
    ],
    ids=["answers", "wrong text", "wrong language", "echo"],
)
async def test_misbehaving_models(service: Service, rule: FaultRule, transcript: str) -> None:
    service.misbehave(rule)
    async with service.connect() as talk:
        await speak(talk)
        done = await talk.until("response.output_audio_transcript.done")
    assert done.transcript == transcript


@pytest.mark.parametrize(
    ("do", "audio_ms", "transcript"),
    [
        ("silent", 0, ""),
        ("mute", 1_000, "[es] utterance 1"),
        ("half_audio", 500, "[es] utterance 1"),
        ("endless_audio", 60_000, "[es] utterance 1"),
    ],
)
async def test_misbehaving_models_of_another_length(do: Any, audio_ms: int, transcript: str) -> None:
    async with realtime_service(config=RealtimeConfig(pace=inf)) as service:
        service.misbehave(FaultRule(do))
        async with service.connect() as talk:
            await speak(talk)
            done = await talk.until("response.done")
        (entry,) = service.journal.entries("realtime.response")
        assert entry["audio_ms"] == audio_ms
        assert done.response.status == "completed"
        assert entry["said"] == transcript
        if do == "mute":
            sent = [event.delta for event in talk.events if event.type == "response.output_audio.delta"]
            assert not any(base64.b64decode("".join(sent)))


async def test_a_session_dies_at_the_first_audio(service: Service) -> None:
    service.misbehave(FaultRule("close", at="heard", close_code=1011))
    async with service.connect() as talk:
        await talk.configure()
        await talk.connection.input_audio_buffer.append(audio=encode_audio(marker_tone(1)))
        assert (await closed(talk)).rcvd.code == 1011  # type: ignore[union-attr]  # it was closed in order


async def test_a_response_is_refused(service: Service) -> None:
    service.misbehave(FaultRule("refuse_response", response=1, error_code="invalid_value", times=1))
    async with service.connect() as talk:
        await speak(talk)
        assert (await talk.until("error")).error.code == "invalid_value"
        await talk.connection.response.create()
        await talk.until("response.done")


async def test_tokens_are_miscounted(service: Service) -> None:
    service.misbehave(FaultRule("miscount", tokens=-5))
    async with service.connect() as talk:
        await speak(talk)
        usage = (await talk.until("response.done")).response.usage
    assert (usage.total_tokens, usage.input_token_details.audio_tokens) == (-5, -5)


async def test_a_transcript_comes_word_by_word(service: Service) -> None:
    service.misbehave(FaultRule("spread_transcription", seconds=0.4))
    async with service.connect() as talk:
        await speak(talk)
        first = await talk.until("conversation.item.input_audio_transcription.delta")
        began = asyncio.get_running_loop().time()
        completed = await talk.until("conversation.item.input_audio_transcription.completed")
        assert round(asyncio.get_running_loop().time() - began, 3) >= 0.3
        assert completed.transcript.startswith(first.delta) and len(first.delta) < len(completed.transcript)


async def test_other_words_are_written_down(service: Service) -> None:
    service.misbehave(FaultRule("mishear", text="会議は三時です"))
    async with service.connect() as talk:
        await speak(talk)
        completed = await talk.until("conversation.item.input_audio_transcription.completed")
    assert completed.transcript == "会議は三時です"


async def test_a_text_is_read_aloud_as_it_stands(service: Service) -> None:
    text = "Please wait for the interpretation."
    async with service.connect() as talk:
        await talk.configure()
        subject = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        instructions = "You are a voice. Read the user's text aloud in English (en-US), word for word."
        response: Any = {"conversation": "none", "input": [subject], "instructions": instructions}
        await talk.connection.response.create(response=response)
        done = await talk.until("response.done")
    (item,) = done.response.output
    assert item.content[0].transcript == text
    assert done.response.usage.output_token_details.audio_tokens > 0


async def test_speed_makes_the_speech_shorter(service: Service) -> None:
    async with service.connect() as talk:
        await talk.configure()
        item = await talk.commit(marker_tone(1) * 5)
        await talk.interpret(item)
        await talk.until("response.done")
        await talk.connection.session.update(session={"type": "realtime", "audio": {"output": {"speed": 1.25}}})
        await talk.interpret(item)
        await talk.until("response.done")
    lengths = [entry["audio_ms"] for entry in service.journal.entries("realtime.response")]
    assert lengths == [1_000, 800]


async def test_delayed_response_and_doubled_audio(service: Service) -> None:
    service.misbehave(FaultRule("delay_response", seconds=0.3), FaultRule("double_audio"))
    async with service.connect() as talk:
        start = asyncio.get_running_loop().time()
        await speak(talk)
        await talk.until("response.output_audio.delta")
        assert round(asyncio.get_running_loop().time() - start, 3) >= 0.3
        done = await talk.until("response.done")
    assert done.response.usage.output_token_details.audio_tokens == 40


async def test_transcription_late_or_failed(service: Service) -> None:
    service.misbehave(FaultRule("delay_transcription", seconds=0.5, times=1), FaultRule("fail_transcription"))
    async with service.connect() as talk:
        await speak(talk)
        await talk.until("response.done")
        failed = await talk.until("conversation.item.input_audio_transcription.failed")
        assert failed.error.code == "server_error"
    assert "conversation.item.input_audio_transcription.completed" not in talk.kinds()


# -- expiry


async def test_short_expiry_with_a_skewed_clock(service: Service) -> None:
    service.misbehave(FaultRule("expires_in", seconds=0.2), FaultRule("expires_skew", seconds=600))
    async with service.connect() as talk:
        created = await talk.next()
        assert created.session.expires_at > time.time() + 500
        end = await closed(talk)
    assert end.rcvd is not None
    assert end.rcvd.code == 1001
