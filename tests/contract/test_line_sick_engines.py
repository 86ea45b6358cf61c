"""The whole line with engines that are sick: sessions that fail, hang, are silent or die, and keys that are refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from emulator.engine.scripted import ScriptedEngine
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults
from tests.support.line import Line, Room, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(90)]

ENGLISH = "The report arrives on Tuesday afternoon."
SPANISH = "El informe llega el martes por la tarde."
SAID = 6
PAUSE_S = 6.0


def engine() -> ScriptedEngine:
    """Say what passes every check: nothing here is about bad interpretations."""
    return ScriptedEngine(0.1, transcripts={"en": [ENGLISH]}, translations={("en", "es"): [SPANISH]})


async def said(whole: Line, speech: bytes, rules: tuple[FaultRule, ...], count: int = SAID) -> Any:
    """Let Ana speak several times; return the ledger, the last status, and how her lane was served meanwhile."""
    made: Room = await whole.room()
    seen: list[tuple[str, str | None, str | None]] = []
    whole.emulator.realtime.faults = RealtimeFaults(rules)
    async with made.joined("Ana") as ana, made.joined("Luis"):
        await made.until_status("interpreting")
        for _ in range(count):
            await ana.speak(speech)
            for _ in range(int(PAUSE_S)):
                await asyncio.sleep(1.0)
                lanes = (await made.status())["lanes"]
                spanish = next(lane for lane in lanes if lane["target"] == "es-ES")
                now = (spanish["state"], spanish["engine"], spanish["reason"])
                if seen[-1:] != [now]:
                    seen.append(now)
        passages = await made.until_passages(count)
        status = await made.status()
    return passages, status, seen


def states(passages: list[dict[str, Any]]) -> Counter[str]:
    return Counter(passage["state"] for passage in passages)


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("fail_response", "server_error"),
        pytest.param("mute", "silent", marks=pytest.mark.soak),
        ("hang_response", "no_answer"),
        pytest.param("omit_done", "no_answer", marks=pytest.mark.soak),
    ],
)
async def test_one_sick_session_costs_a_few_utterances_and_is_told(english: bytes, do: Any, reason: str) -> None:
    async with line(engine=engine()) as whole:
        opened_ahead = (FaultRule(do, connection=1), FaultRule(do, connection=2))
        passages, _, seen = await said(whole, english, opened_ahead)
        healthy = [(passage["state"], passage["reason"]) for passage in passages][-3:]
        assert set(healthy) <= {("spoken", ""), ("caption_only", "echo")}, "the same words again and again"
        assert ("spoken", "") in healthy
        assert ("open", "conversation", reason) in seen
        assert seen[-1] == ("open", "conversation", None)


async def test_an_engine_that_dies_at_the_first_audio_is_left_for_captions(english: bytes) -> None:
    async with line(engine=engine()) as whole:
        passages, _, seen = await said(whole, english, (FaultRule("close", at="heard", times=4),))
        assert states(passages)["caption_only"] >= 2
        assert ("open", "captions", "closed_1011") in seen


@pytest.mark.parametrize("status", [404, *(pytest.param(status, marks=pytest.mark.soak) for status in (401, 403))])
async def test_a_key_that_is_refused_for_a_while_is_asked_again(english: bytes, status: int) -> None:
    async with line(engine=engine()) as whole:
        whole.emulator.realtime.faults = RealtimeFaults((FaultRule("refuse", status=status, times=3),))
        made: Room = await whole.room()
        async with made.joined("Ana") as ana, made.joined("Luis"):
            await made.until_status("interpreting")
            await asyncio.sleep(1.0)
            refused = [lane["state"] for lane in (await made.status())["lanes"]]
            assert "refused" in refused
            await asyncio.sleep(60.0)
            healthy = (await made.status())["lanes"]
            assert {(lane["state"], lane["reason"]) for lane in healthy} == {("open", None)}
            await ana.speak(english)
            passages = await made.until_passages(1)
            assert [passage["state"] for passage in passages] == ["spoken"]
