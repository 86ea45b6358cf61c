"""The booth against the emulated Realtime service: two readings of the same protocol meet on a socket."""

from __future__ import annotations

import asyncio
from math import inf

import pytest

from bot.interpreting.events import (
    BoothLost,
    BoothReady,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    SourceText,
)
from bot.interpreting.plan import Mode
from bot.realtime import conversation_turns
from emulator.engine.scripted import ScriptedEngine, read_markers
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultRule
from tests.support.realtime_booths import Ear, booth, say
from tests.support.realtime_client import realtime_service
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

AT_ONCE = RealtimeConfig(pace=inf)


async def test_utterances_come_back_once_in_their_own_voice() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        ear = Ear()
        async with booth(service, ear) as made:
            for number in range(5):
                say(made, f"u-{number}", number)
            for number in range(5):
                ended = await ear.last_word(f"u-{number}")
                assert isinstance(ended, InterpretationEnded)
                assert ended.outcome is InterpretationOutcome.COMPLETED
                assert ended.usage.input_audio > 0
                assert ended.usage.output_audio > 0
                assert read_markers(ear.audio(f"u-{number}")) == [number]
                assert ear.text(f"u-{number}")
        assert ear.count(SourceText) == 5
        assert ear.count(BoothReady) == 1
        assert service.journal.entries("error") == []


@pytest.mark.parametrize(
    ("rule", "outcome", "reason"),
    [
        (FaultRule("fail_response", response=1, error_code="rate_limit_exceeded"), "failed", "rate_limit_exceeded"),
        (FaultRule("incomplete_response", response=1, reason="content_filter"), "incomplete", "content_filter"),
        (FaultRule("fail_transcription", times=1), "completed", ""),
        (FaultRule("error_event", at="committed", times=1), "completed", ""),
        (FaultRule("garbage_text", at="mid_response", times=1), "completed", ""),
        (FaultRule("malformed_json", at="committed", times=1), "completed", ""),
        (FaultRule("binary_frame", at="first_delta", times=1), "completed", ""),
        (FaultRule("unknown_event", at="response", times=1), "completed", ""),
        (FaultRule("extra_fields"), "completed", ""),
        (FaultRule("missing_event_id"), "completed", ""),
        (FaultRule("huge_frame", at="first_delta", times=1), "completed", ""),
        (FaultRule("delay_session_updated", seconds=0.2), "completed", ""),
        (FaultRule("refuse", status=503, retry_after_s=0.1, times=1), "completed", ""),
        (FaultRule("refuse", status=429, times=2), "completed", ""),
        (FaultRule("close", at="created", close_code=1011, times=1), "completed", ""),
        (FaultRule("abort", at="connect", times=1), "completed", ""),
    ],
    ids=lambda value: f"{value.do} {value.at}" if isinstance(value, FaultRule) else str(value),
)
async def test_faults_that_cost_one_utterance_at_most(rule: FaultRule, outcome: str, reason: str) -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(rule)
        ear = Ear()
        async with booth(service, ear) as made:
            say(made, "u-1", 1)
            first = await ear.last_word("u-1")
            assert isinstance(first, InterpretationEnded)
            assert (first.outcome, first.reason) == (InterpretationOutcome(outcome), reason)
            say(made, "u-2", 2)
            second = await ear.last_word("u-2")
            assert isinstance(second, InterpretationEnded)
            assert second.outcome is InterpretationOutcome.COMPLETED
            assert read_markers(ear.audio("u-2")) == [2]


@pytest.mark.parametrize(
    "rule",
    [
        FaultRule("close", at="committed", close_code=1000, times=1),
        FaultRule("close", at="first_delta", close_code=1001, times=1),
        FaultRule("close", at="mid_response", close_code=1011, times=1),
        FaultRule("abort", at="mid_response", times=1),
        FaultRule("stall", at="committed", direction="both", seconds=1, times=1),
    ],
    ids=lambda rule: f"{rule.do} {rule.at}",
)
async def test_faults_that_cost_a_session(rule: FaultRule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_turns, "COMMIT_PATIENCE_S", 0.3)
    async with realtime_service(config=RealtimeConfig(pace=20)) as service:
        service.misbehave(rule)
        ear = Ear()
        async with booth(service, ear) as made:
            say(made, "u-1", 1)
            lost = await ear.last_word("u-1")
            assert isinstance(lost, BoothLost)
            assert lost.utterances == ("u-1",)
            before = len(ear.events)
            say(made, "u-2", 2)
            ended = await ear.last_word("u-2")
            assert isinstance(ended, InterpretationEnded)
            assert ended.outcome is InterpretationOutcome.COMPLETED
            assert read_markers(ear.audio("u-2")) == [2]
            assert all(getattr(event, "utterance", "u-2") == "u-2" for event in ear.events[before:])


@pytest.mark.parametrize(
    "rule",
    [
        FaultRule("refuse", status=401),
        FaultRule("refuse", status=404),
        FaultRule("refuse_session_update", error_type="invalid_request_error", error_code="unknown_parameter"),
    ],
    ids=lambda rule: f"{rule.do} {rule.status}",
)
async def test_faults_that_cost_the_lane(rule: FaultRule) -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(rule)
        ear = Ear()
        async with booth(service, ear) as made:
            say(made, "u-1", 1)
            lost = await ear.last_word("u-1")
            assert isinstance(lost, BoothLost)
            assert lost.final


@pytest.mark.parametrize("mode", Mode)
async def test_a_booth_without_a_voice_gives_text_alone_and_says_nothing_of_it(mode: Mode) -> None:
    ear = Ear()
    async with realtime_service() as service, booth(service, ear, mode, voice=False) as made:
        say(made, "u-1", 1)
        assert isinstance(await ear.last_word("u-1"), InterpretationEnded)
    assert ear.text("u-1") == "[es] utterance 1"
    assert ear.audio("u-1") == b""
    assert ear.engines == []


async def test_cancelling_in_mid_speech_reaches_the_model() -> None:
    engine = ScriptedEngine(delay_s=0.0, duration_ms=2_000)
    async with realtime_service(config=RealtimeConfig(pace=2), engine=engine) as service:
        ear = Ear()
        async with booth(service, ear) as made:
            say(made, "u-1", 1)
            async with asyncio.timeout(30):
                while True:
                    if ear.count(InterpretationAudio):
                        break
                    await asyncio.sleep(0.005)
            made.cancel("u-1")
            heard = ear.count(InterpretationAudio)
            say(made, "u-2", 2)
            await ear.last_word("u-2")
            assert not [
                event for event in ear.events if isinstance(event, InterpretationEnded) and event.utterance == "u-1"
            ]
            first = [e for e in ear.events if isinstance(e, InterpretationAudio) and e.utterance == "u-1"]
            assert len(first) == heard


async def test_a_session_is_renewed_before_it_expires() -> None:
    async with realtime_service(config=RealtimeConfig(pace=inf, session_s=1.2)) as service:
        ear = Ear()
        async with booth(service, ear) as made:
            async with asyncio.timeout(30):
                while True:
                    if ear.count(BoothReady) == 2:
                        break
                    await asyncio.sleep(0.01)
            assert ear.count(BoothLost) == 0
            say(made, "u-1", 1)
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert ended.outcome is InterpretationOutcome.COMPLETED
