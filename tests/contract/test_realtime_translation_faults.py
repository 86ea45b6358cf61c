"""What the vendor's client sees of a translation that goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from emulator.engine.scripted import read_markers
from emulator.realtime.faults.rules import FaultRule
from tests.support.realtime_client import Service, Stream, realtime_service
from tests.support.realtime_sessions import end_of, quick, sentences
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

WRITTEN = "session.output_transcript.delta"
AUDIO = "session.output_audio.delta"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with realtime_service(config=quick()) as running:
        yield running


async def translated(stream: Stream, *numbers: int) -> None:
    await stream.append(sentences(*numbers))
    await stream.close()


@pytest.mark.parametrize(
    "point", ["connect", "committed", "response", "mid_word", "first_delta", "mid_response", "done"]
)
@pytest.mark.parametrize("do", ["close", "abort"])
async def test_a_cut_anywhere(service: Service, do: Any, point: Any) -> None:
    service.misbehave(FaultRule(do, at=point, close_code=1013, reason="as asked"))
    async with service.translate() as stream:
        try:
            await stream.append(sentences(1))
            await stream.connection.session.close()
        except ConnectionClosed:
            pass  # cut before all was said
        end = await end_of(stream)
    assert (end.rcvd is None) if do == "abort" else (end.rcvd is not None and end.rcvd.code == 1013)
    heard = read_markers(stream.audio)
    assert heard == ([1] if point in ("first_delta", "mid_response", "done") else [])
    if point == "mid_word":
        assert stream.kinds()[-1] == WRITTEN
        assert "session.closed" not in stream.kinds()


@pytest.mark.parametrize(
    ("rule", "text", "markers"),
    [
        (FaultRule("say", text="Sure, I can help!"), "Sure, I can help!", [1]),
        (FaultRule("wrong_language", language="ru"), "[ru] utterance 1", [1]),
        (FaultRule("echo"), "utterance 1", [1]),  # the source is one long tone
        (FaultRule("double_audio"), "[es] utterance 1", [1, 1]),
        (FaultRule("silent"), "", []),
        (FaultRule("half_audio"), "[es] utterance 1", [1]),
        (FaultRule("fail_response"), "", []),
        (FaultRule("incomplete_response"), "", [1]),
    ],
    ids=lambda value: value.do if isinstance(value, FaultRule) else "",
)
async def test_misbehaving_models(service: Service, rule: FaultRule, text: str, markers: list[int]) -> None:
    service.misbehave(rule)
    async with service.translate() as stream:
        await translated(stream, 1)
    assert read_markers(stream.audio) == markers
    if rule.do == "incomplete_response":
        assert "[es] utterance 1".startswith(stream.text())
    else:
        assert stream.text() == text
    assert ("error" in stream.kinds()) is (rule.do == "fail_response")


async def test_a_model_that_hangs_and_a_close_that_is_never_confirmed(service: Service) -> None:
    for rule in (FaultRule("hang_response"), FaultRule("omit_done")):
        service.misbehave(rule)
        async with service.translate() as stream:
            await stream.append(sentences(1))
            await stream.connection.session.close()
            while not read_markers(stream.audio):
                await stream.next()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await stream.until("session.closed")


async def test_a_late_model(service: Service) -> None:
    service.misbehave(FaultRule("delay_response", response=1, seconds=2))
    async with service.translate() as stream:
        await translated(stream, 1)
    (entry,) = service.journal.entries("realtime.interpretation")
    assert entry["due_ms"] == 2_000
    first = next(event for event in stream.events if event.type == WRITTEN)
    assert first.elapsed_ms >= 1_600


async def test_a_chosen_piece_of_audio_is_missing(service: Service) -> None:
    service.misbehave(FaultRule("drop_message", event=AUDIO, nth=2))
    async with service.translate() as stream:
        await translated(stream, 1)
    elapsed = [event.elapsed_ms for event in stream.events if event.type == AUDIO]
    assert elapsed[:3] == [200, 600, 800]


async def test_updates_refused_and_late(service: Service) -> None:
    service.misbehave(
        FaultRule("refuse_session_update", times=1, error_code="server_error"),
        FaultRule("delay_session_updated", seconds=0.3),
    )
    async with service.translate() as stream:
        await stream.connection.session.update(session={"audio": {"output": {"language": "fr"}}})
        assert (await stream.until("error")).error.code == "server_error"
        start = asyncio.get_running_loop().time()
        await stream.configure("fr")
        assert round(asyncio.get_running_loop().time() - start, 3) >= 0.3


async def test_stalled_writes_hold_everything_back_and_lose_nothing(service: Service) -> None:
    service.misbehave(FaultRule("stall", at="committed", seconds=0.5, direction="writes", times=1))
    async with service.translate() as stream:
        await translated(stream, 1, 2)
    assert read_markers(stream.audio) == [1, 2]


async def test_source_transcripts_missing(service: Service) -> None:
    service.misbehave(FaultRule("fail_transcription", times=1))
    async with service.translate() as stream:
        await stream.configure("es", transcription="gpt-realtime-whisper")
        await translated(stream, 1, 2)
    assert stream.text("session.input_transcript.delta") == " utterance 2"
