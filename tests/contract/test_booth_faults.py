"""What a booth makes of a model that misbehaves, in both kinds of session, over sockets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from math import inf

import pytest

from bot.interpreting.events import (
    BoothLost,
    BoothReady,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    SourceText,
)
from bot.interpreting.plan import Lane, Mode
from bot.realtime import stream_alignment, translation_session
from bot.realtime.booth import RealtimeBooth
from bot.realtime.timeouts import BoothLimits
from emulator.engine.scripted import ScriptedEngine, read_markers
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultAction, FaultRule, Point
from emulator.realtime.translation_model import TranslationModel
from tests.support.realtime_booths import LANE, QUICK, Ear, booth, say, speech
from tests.support.realtime_client import MODEL, Service, realtime_service
from tests.support.virtual_time import virtual_time

AT_ONCE = RealtimeConfig(pace=inf)
PROMPT = RealtimeConfig(pace=inf, translation=TranslationModel(lag_ms=(300, 400), text_lead_ms=100, pause_ms=200))
"""A translation that is less late than any real one."""


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the ends of interpretations as long as that model makes one wait."""
    monkeypatch.setattr(stream_alignment, "INITIAL_LAG_MS", 800.0)
    monkeypatch.setattr(stream_alignment, "LAG_BOUNDS_MS", (300.0, 8_000.0))
    monkeypatch.setattr(stream_alignment, "LEAST_LAG_MS", 100.0)
    monkeypatch.setattr(translation_session, "QUIET_S", 0.5)


# --- conversation


@pytest.mark.parametrize(
    ("rule", "text", "markers"),
    [
        (FaultRule("say", text="Sure, I can help!"), "Sure, I can help!", [1]),
        (FaultRule("wrong_language", language="fr"), "[fr] utterance 1", [1]),
        (FaultRule("echo"), "utterance 1", [1]),
        (FaultRule("silent"), "", []),
        (FaultRule("half_audio"), "[es] utterance 1", [1]),
        (FaultRule("double_audio"), "[es] utterance 1", [1, 1]),
        (FaultRule("delay_transcription", seconds=0.2), "[es] utterance 1", [1]),
        (FaultRule("fail_transcription"), "[es] utterance 1", [1]),
    ],
    ids=lambda value: value.do if isinstance(value, FaultRule) else "",
)
@virtual_time
async def test_what_a_conversation_says_is_reported_as_it_is(rule: FaultRule, text: str, markers: list[int]) -> None:
    """Whether it is a translation is for others to judge; the booth vouches for its completeness and its name."""
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(replace(rule, times=1))
        ear = Ear()
        async with booth(service, ear) as made:
            say(made, "u-1", 1)
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert ended.outcome is InterpretationOutcome.COMPLETED
            assert ear.text("u-1") == text
            assert read_markers(ear.audio("u-1")) == markers
            await ear.until(lambda: ear.count(SourceText) == 1)
            assert len(ear.last_words("u-1")) == 1


@virtual_time
async def test_a_model_that_answers_gets_another_chance() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("say", text="Sure, I can help!", times=1))
        ear = Ear()
        async with booth(service, ear) as made:
            say(made, "u-1", 1)
            await ear.last_word("u-1")
            made.interpret("u-1", strict=True)
            ended = await ear.last_word("u-1", 2)
            assert isinstance(ended, InterpretationEnded)
            assert ended.outcome is InterpretationOutcome.COMPLETED
            assert ear.text("u-1").endswith("[es] utterance 1")
            made.release("u-1")
            made.interpret("u-1")
            again = await ear.last_word("u-1", 3)
            assert isinstance(again, InterpretationEnded)
            assert (again.outcome, again.reason) == (InterpretationOutcome.FAILED, "nothing_heard")


@pytest.mark.parametrize("mode", list(Mode))
@virtual_time
async def test_a_model_that_does_not_stop_is_cut(mode: Mode, hasty: None) -> None:
    async with realtime_service(config=PROMPT) as service:
        service.misbehave(FaultRule("endless_audio", times=1))
        ear = Ear()
        async with booth(service, ear, mode) as made:
            say(made, "u-1", 1)
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert (ended.outcome, ended.reason) == (InterpretationOutcome.INCOMPLETE, "endless")
            assert len(ear.audio("u-1")) == (3 * 600 + 5_000) * 48


CUTS: list[tuple[FaultAction, Point]] = [
    ("abort", "committed"),
    ("close", "committed"),
    ("close", "response"),
    ("close", "first_delta"),
    ("abort", "mid_response"),
    ("close", "done"),
]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("do", "at"), CUTS)
@virtual_time
async def test_a_session_cut_at_any_point_costs_what_it_had(
    do: FaultAction, at: Point, mode: Mode, hasty: None
) -> None:
    config = replace(PROMPT, pace=20)
    async with realtime_service(config=config) as service:
        service.misbehave(FaultRule(do, at=at, times=1))
        ear = Ear()
        async with booth(service, ear, mode) as made:
            say(made, "u-1", 1)
            first = await ear.last_word("u-1")
            if isinstance(first, BoothLost):
                assert first.utterances == ("u-1",)
            else:
                assert at == "done"
            await ear.until(lambda: ear.count(BoothReady) == 2)  # or the second might share the first one's fate
            say(made, "u-2", 2)
            second = await ear.last_word("u-2")
            assert isinstance(second, InterpretationEnded)
            assert second.outcome is InterpretationOutcome.COMPLETED
            assert read_markers(ear.audio("u-2")) == [2]
            assert len(ear.last_words("u-1")) == len(ear.last_words("u-2")) == 1


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    "rule",
    [
        FaultRule("hang_up", times=1),
        FaultRule("abort", at="connect", times=1),
        FaultRule("close", at="created", times=2),
        FaultRule("close", at="updated", times=1),
        FaultRule("refuse", status=503, times=3),
    ],
    ids=lambda rule: f"{rule.do} {rule.at}",
)
@virtual_time
async def test_a_session_cut_before_it_is_used_costs_nothing(rule: FaultRule, mode: Mode, hasty: None) -> None:
    async with realtime_service(config=PROMPT) as service:
        service.misbehave(rule)
        ear = Ear()
        async with booth(service, ear, mode) as made:
            if rule.at == "updated":
                await ear.until(lambda: ear.count(BoothReady) == 2)  # else it may be used already
            say(made, "u-1", 1)
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert ended.outcome is InterpretationOutcome.COMPLETED
            assert read_markers(ear.audio("u-1")) == [1]
            assert made.engine == ("translation" if mode is Mode.SIMULTANEOUS else "conversation")


# --- translation


@pytest.mark.parametrize(
    ("rule", "text", "markers"),
    [
        (FaultRule("say", text="Sure, I can help!"), "Sure, I can help!", [1]),
        (FaultRule("wrong_language", language="ru"), "[ru] utterance 1", [1]),
        (FaultRule("echo"), "utterance 1", [1]),
        (FaultRule("silent"), "", []),
        (FaultRule("half_audio"), "[es] utterance 1", [1]),
        (FaultRule("double_audio"), "[es] utterance 1", [1, 1]),
        (FaultRule("fail_response"), "", []),
        (FaultRule("fail_transcription"), "[es] utterance 1", [1]),
    ],
    ids=lambda value: value.do if isinstance(value, FaultRule) else "",
)
@virtual_time
async def test_what_a_translation_says_is_reported_as_it_is(
    rule: FaultRule, text: str, markers: list[int], hasty: None
) -> None:
    async with realtime_service(config=PROMPT) as service:
        service.misbehave(replace(rule, times=1))
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS) as made:
            say(made, "u-1", 1)
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert ended.outcome is InterpretationOutcome.COMPLETED
            assert ear.text("u-1").strip() == text
            assert read_markers(ear.audio("u-1")) == markers


@virtual_time
async def test_a_translation_runs_while_the_speaker_speaks(hasty: None) -> None:
    async with realtime_service(config=PROMPT) as service:
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS) as made:
            for heard in ([1], [1, 2]):  # two sentences of one utterance
                made.hear("u-1", speech(heard[-1], 800) + bytes(300 * 48))
                await ear.until(lambda heard=heard: read_markers(ear.audio("u-1")) == heard)  # type: ignore[misc]  # mypy cannot infer defaults of lambdas
            assert ear.last_words("u-1") == []
            made.interpret("u-1")
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert read_markers(ear.audio("u-1")) == [1, 2]
            assert ear.count(SourceText) == 1


# --- engines


@virtual_time
async def test_a_deployment_that_is_not_there_is_done_without() -> None:
    async with realtime_service(config=AT_ONCE, deployments=[MODEL, "gpt-transcribe"]) as service:
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS) as made:
            say(made, "u-1", 1)
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert ended.outcome is InterpretationOutcome.COMPLETED
            assert read_markers(ear.audio("u-1")) == [1]
            assert ear.engines == [("conversation", "http_404")]
            assert ear.count(BoothLost) == 0


@virtual_time
async def test_what_is_known_to_be_refused_is_not_tried() -> None:
    async with realtime_service(config=AT_ONCE, deployments=[MODEL, "gpt-transcribe"]) as service:
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS, probe=True) as made:
            say(made, "u-1", 1)
            await ear.last_word("u-1")
            assert ear.engines == [("conversation", "http_404")]
            assert len(service.journal.entries("realtime.connection")) == 2


@virtual_time
async def test_a_target_that_is_refused_is_served_by_a_conversation() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        ear = Ear()
        lane = Lane("8:acs:1", "en-US", "yue-HK")
        async with booth(service, ear, Mode.SIMULTANEOUS, lane=lane, targets=("yue",)) as made:
            say(made, "u-1", 1)
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert ear.engines == [("conversation", "configuration_refused")]


@virtual_time
async def test_a_target_nobody_wants_translated_so_is_never_tried() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS, targets=("fr",)) as made:
            pcm = speech(1, 5_000)
            for start in range(0, len(pcm), 4_800):
                made.hear("u-1", pcm[start : start + 4_800])
                await asyncio.sleep(0.001)
            made.interpret("u-1")
            await ear.last_word("u-1")
            assert ear.engines == []
            assert len(service.journal.entries("realtime.committed")) == 2  # short commits
        assert len(service.journal.entries("realtime.connection")) == 1


@virtual_time
async def test_when_no_speech_can_be_had_there_are_captions() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        refused = FaultRule(
            "refuse_session_update", error_type="invalid_request_error", error_code="invalid_value", times=1
        )
        service.misbehave(refused)
        ear = Ear()
        async with booth(service, ear) as made:
            say(made, "u-1", 1)
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert ended.outcome is InterpretationOutcome.COMPLETED
            assert ear.text("u-1") == "[es] utterance 1"
            assert ear.audio("u-1") == b""
            assert ear.engines == [("captions", "configuration_refused")]


@virtual_time
async def test_when_even_that_is_refused_the_lane_is_lost() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("refuse", status=404))
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS) as made:
            say(made, "u-1", 1)
            made.say("notice", "Wait.", "es-ES")
            lost = await ear.last_word("u-1")
            assert lost == BoothLost(LANE, "http_404", ("notice",), final=True)
            assert ear.engines == [("conversation", "http_404")]


@virtual_time
async def test_exhausted_quota_moves_a_lane_and_is_named() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("refuse", status=429, error_code="insufficient_quota", times=3))
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS) as made:
            say(made, "u-1", 1)
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert ear.engines == [("translation", "quota"), ("conversation", "quota")]
            assert [event.reason for event in ear.events if isinstance(event, BoothLost)] == ["quota"]


@virtual_time
async def test_a_model_without_quota_opens_sessions_and_does_nothing() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("fail_response", error_type="tokens", error_code="rate_limit_exceeded", times=3))
        ear = Ear()
        async with booth(service, ear) as made:
            for number in range(3):
                say(made, f"u-{number}", number)
                ended = await ear.last_word(f"u-{number}")
                assert isinstance(ended, InterpretationEnded)
                assert (ended.outcome, ended.reason) == (InterpretationOutcome.FAILED, "rate_limit_exceeded")
            await ear.until(lambda: ear.count(BoothReady) == 2)
            assert ear.engines == [("conversation", "quota"), ("captions", "quota")]
            say(made, "u-9", 9)
            await ear.last_word("u-9")
            assert ear.text("u-9") == "[es] utterance 9"


@virtual_time
async def test_a_refusal_of_content_moves_nothing() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("incomplete_response", reason="content_filter"))
        ear = Ear()
        async with booth(service, ear) as made:
            for number in range(5):
                say(made, f"u-{number}", number)
                await ear.last_word(f"u-{number}")
            assert ear.engines == []
            assert made.engine == "conversation"


@virtual_time
async def test_a_better_engine_is_taken_again_when_it_is_there_and_nothing_is_lost(hasty: None) -> None:
    limits = replace(QUICK, restore_after_s=0.3)
    async with realtime_service(config=PROMPT) as service:
        service.misbehave(FaultRule("refuse", status=404, connection=1), FaultRule("refuse", status=404, connection=3))
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS, limits) as made:
            say(made, "u-1", 1)
            await ear.last_word("u-1")
            await ear.until(lambda: len(ear.engines) == 2)
            say(made, "u-2", 2)
            await ear.last_word("u-2")
            assert ear.engines == [
                ("conversation", "http_404"),
                ("translation", "http_404"),  # it accepts sessions again
                ("translation", "restored"),  # and interprets
            ]
            assert read_markers(ear.audio("u-1") + ear.audio("u-2")) == [1, 2]
            assert ear.count(BoothLost) == ear.count(HearingDropped) == 0
        targets = [entry["target"] for entry in service.journal.entries("realtime.connection")]
        assert ["translations" in str(target) for target in targets] == [True, False, True, True]


# --- succession


async def until_closed(service: Service, count: int) -> None:
    async with asyncio.timeout(30):
        while True:
            if len(service.journal.entries("realtime.closed")) >= count:
                return
            await asyncio.sleep(0.005)


async def test_an_utterance_that_is_spoken_during_a_renewal_stays_whole() -> None:
    engine = ScriptedEngine(0.05)
    async with realtime_service(config=RealtimeConfig(pace=8, session_s=1.6), engine=engine) as service:
        ear = Ear()
        async with booth(service, ear) as made:
            number = 0
            while ear.count(BoothReady) < 4:
                number += 1
                pcm = speech(number, 300)
                for start in range(0, len(pcm), 960):
                    made.hear(f"u-{number}", pcm[start : start + 960])
                    await asyncio.sleep(0.004)
                made.interpret(f"u-{number}")
                for count in range(1, number + 1):
                    if ear.last_words(f"u-{count}"):
                        made.release(f"u-{count}")
            for count in range(1, number + 1):
                ended = await ear.last_word(f"u-{count}")
                assert isinstance(ended, InterpretationEnded)
                assert ended.outcome is InterpretationOutcome.COMPLETED
                assert read_markers(ear.audio(f"u-{count}")) == [count]
            assert number > 5
            assert ear.count(BoothLost) == ear.count(HearingDropped) == 0
        committed = service.journal.entries("realtime.committed")
        assert [entry["audio_ms"] for entry in committed] == [300] * number
        assert service.journal.entries("realtime.error") == []


def test_the_longest_utterance_a_room_may_have_is_interpreted_though_its_session_is_replaced_meanwhile() -> None:
    replaced_at: list[float] = []

    @virtual_time
    async def speak_from(seconds: float | None) -> None:
        """None: when the session has just been replaced."""
        loop = asyncio.get_running_loop()
        async with realtime_service(config=RealtimeConfig(pace=2, session_s=1_800.0)) as service:
            ear = Ear()
            async with booth(service, ear, limits=BoothLimits()) as made:
                began = loop.time()
                await asyncio.sleep(seconds or 0.0)
                while seconds is None and ear.count(BoothReady) < 2:  # noqa: ASYNC110 - longer than an ear waits
                    await asyncio.sleep(0.1)
                replaced_at.append(loop.time() - began)
                pcm = speech(1, 20_000)
                for start in range(0, len(pcm), 9_600):
                    made.hear("u-1", pcm[start : start + 9_600])
                    await asyncio.sleep(0.2)
                assert ear.count(BoothReady) == 2
                made.interpret("u-1")
                ended = await ear.last_word("u-1")
                assert isinstance(ended, InterpretationEnded) and ended.outcome is InterpretationOutcome.COMPLETED

    speak_from(None)
    speak_from(replaced_at[0] - 1.0)


async def test_a_translation_that_is_succeeded_is_drained(hasty: None) -> None:
    async with realtime_service(config=replace(PROMPT, session_s=2.0)) as service:
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS) as made:
            number = 0
            while ear.count(BoothReady) < 3:
                number += 1
                say(made, f"u-{number}", number)
                await ear.last_word(f"u-{number}")
            heard = [read_markers(ear.audio(f"u-{count}")) for count in range(1, number + 1)]
            assert heard == [[count] for count in range(1, number + 1)]
            assert ear.count(BoothLost) == 0
            await until_closed(service, 2)
        codes = [entry["code"] for entry in service.journal.entries("realtime.closed")]
        assert codes[:2] == [1000, 1000]


async def test_a_renewal_that_fails_is_tried_again_and_nobody_notices() -> None:
    async with realtime_service(config=RealtimeConfig(pace=inf, session_s=2.0)) as service:
        service.misbehave(FaultRule("refuse", status=503, connection=2), FaultRule("abort", at="created", connection=3))
        ear = Ear()
        async with booth(service, ear) as made:
            say(made, "u-1", 1)
            await ear.until(lambda: ear.count(BoothReady) == 2)
            say(made, "u-2", 2)
            await ear.last_word("u-2")
            assert ear.count(BoothLost) == 0
            assert len(service.journal.entries("realtime.connection")) == 4


# --- what else there is to ask


@virtual_time
async def test_a_text_is_read_aloud_and_its_speed_is_minded() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        ear = Ear()
        async with booth(service, ear) as made:
            made.say("notice", "La interpretacion empieza.", "es-ES")
            ended = await ear.last_word("notice")
            assert isinstance(ended, InterpretationEnded)
            assert ended.outcome is InterpretationOutcome.COMPLETED
            assert ear.text("notice") == "La interpretacion empieza."
            assert ear.audio("notice")
            for utterance, speed in [("u-1", 1.0), ("u-2", 1.25)]:
                pcm = speech(1, 1_000)
                made.hear(utterance, pcm)
                made.interpret(utterance, speed=speed)
                await ear.last_word(utterance)
            assert len(ear.audio("u-2")) == pytest.approx(len(ear.audio("u-1")) / 1.25, rel=0.01)
        assert service.journal.entries("realtime.error") == []


@virtual_time
async def test_a_new_briefing_holds_from_the_next_utterance_on() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        ear = Ear()
        async with booth(service, ear) as made:
            say(made, "u-1", 1)
            await ear.last_word("u-1")
            made.brief("Interpret from English (en-US) into French (fr-FR).")
            say(made, "u-2", 2)
            await ear.last_word("u-2")
            assert (ear.text("u-1"), ear.text("u-2")) == ("[es] utterance 1", "[fr] utterance 2")
            assert ear.count(BoothReady) == 1


@virtual_time
async def test_too_many_texts_and_texts_too_old_are_not_read() -> None:
    limits = replace(QUICK, text_wait_s=0.1, texts=2)
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("delay_session_updated", seconds=0.5))
        ear = Ear()
        async with booth(service, ear, limits=limits) as made:
            for number in range(3):
                made.say(f"n-{number}", "Wait.", "es-ES")
            for number in range(3):
                ended = await ear.last_word(f"n-{number}")
                assert isinstance(ended, InterpretationEnded)
                assert ended.reason == "not_said"
            assert ear.count(InterpretationAudio) == 0


@virtual_time
async def test_a_translation_cannot_read_texts_and_says_so() -> None:
    async with realtime_service(config=PROMPT) as service:
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS) as made:
            await ear.until(lambda: ear.count(BoothReady) == 1)
            made.say("notice", "Espere.", "es-ES")
            ended = await ear.last_word("notice")
            assert ended == InterpretationEnded(LANE, "notice", InterpretationOutcome.FAILED, "not_supported")


@virtual_time
async def test_what_is_too_short_is_told_to_be() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        ear = Ear()
        async with booth(service, ear) as made:
            await ear.until(lambda: ear.count(BoothReady) == 1)
            made.hear("u-1", bytes(960))
            made.interpret("u-1")
            ended = await ear.last_word("u-1")
            assert ended == InterpretationEnded(LANE, "u-1", InterpretationOutcome.FAILED, "too_short")


@virtual_time
async def test_a_lost_lane_leaves_nothing_open() -> None:
    limits = replace(QUICK, texts=1)
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("refuse", status=404))
        ear = Ear()
        async with booth(service, ear, limits=limits) as made:
            made.say("n-1", "Espere.", "es-ES")
            made.say("n-2", "Espere.", "es-ES")
            lost = await ear.last_word("n-1")
            assert lost == BoothLost(LANE, "http_404", ("n-1",), final=True)
            assert [end for end in ear.last_words("n-2") if isinstance(end, InterpretationEnded)]
            before = len(ear.events)
            made.say("n-3", "Espere.", "es-ES")
            made.hear("u-1", bytes(960))
            made.interpret("u-1")
            made.check_by(0.0)
            await asyncio.sleep(1.0)
            assert len(ear.events) == before


async def test_a_session_lost_while_its_successor_opens_costs_what_it_had() -> None:
    async with realtime_service(config=RealtimeConfig(pace=inf, session_s=2.0)) as service:
        service.misbehave(FaultRule("delay_session_updated", seconds=0.4, connection=2))
        ear = Ear()
        async with booth(service, ear) as made:
            await ear.until(lambda: ear.count(BoothReady) == 1)
            async with asyncio.timeout(30):
                while True:
                    if len(service.journal.entries("realtime.connection")) == 2:
                        break
                    await asyncio.sleep(0.005)
            first = min(service.server._connections, key=lambda one: one.id)  # there is no switch for just one
            first.close(1011, "")
            await ear.until(lambda: ear.count(BoothLost) == 1)
            say(made, "u-1", 1)
            ended = await ear.last_word("u-1")
            assert isinstance(ended, InterpretationEnded)
            assert ended.outcome is InterpretationOutcome.COMPLETED
        assert len(service.journal.entries("realtime.connection")) == 2


# --- sessions and engines that are sick


async def answered(ear: Ear, made: RealtimeBooth, numbers: range) -> list[str]:
    """Say these utterances one after the other; return how each ended."""
    ends = []
    for number in numbers:
        say(made, f"u-{number}", number)
        last = await ear.last_word(f"u-{number}")
        ends.append(last.outcome if isinstance(last, InterpretationEnded) else last.reason)
    return ends


@pytest.mark.parametrize(
    ("rule", "ends", "reason"),
    [
        (FaultRule("fail_response", connection=1), "failed", "server_error"),
        (FaultRule("refuse_response", connection=1, error_code="invalid_value"), "failed", "invalid_value"),
        (FaultRule("mute", connection=1), "completed", "silent"),
        (FaultRule("silent", connection=1), "completed", "silent"),
    ],
    ids=["fails", "refuses", "zeros", "nothing"],
)
@virtual_time
async def test_a_session_that_gives_bad_answers_is_succeeded_by_a_healthy_one(
    rule: FaultRule, ends: str, reason: str
) -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(rule)
        ear = Ear()
        async with booth(service, ear) as made:
            assert await answered(ear, made, range(2)) == [ends] * 2
            await ear.until(lambda: ear.count(BoothReady) == 2)
            assert ear.engines == [("conversation", reason)]
            assert await answered(ear, made, range(2, 6)) == ["completed"] * 4
            assert [read_markers(ear.audio(f"u-{number}")) for number in range(2, 6)] == [[2], [3], [4], [5]]
            assert ear.engines == [("conversation", reason), ("conversation", "restored")]
            assert ear.count(BoothLost) == 0
        assert len(service.journal.entries("realtime.connection")) == 2


@pytest.mark.parametrize("do", ["hang_response", "omit_done"])
@virtual_time
async def test_a_session_whose_answers_do_not_end_is_succeeded(do: FaultAction) -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule(do, connection=1))
        ear = Ear()
        async with booth(service, ear) as made:
            began = asyncio.get_running_loop().time()
            for number in range(2):
                say(made, f"u-{number}", number)
            await ear.until(lambda: ear.count(BoothReady) == 2)
            assert asyncio.get_running_loop().time() - began < 6.0
            assert await answered(ear, made, range(2, 4)) == ["completed"] * 2
            assert ear.engines == [("conversation", "no_answer"), ("conversation", "restored")]


@virtual_time
async def test_a_translation_that_falls_silent_is_succeeded(hasty: None) -> None:
    async with realtime_service(config=PROMPT) as service:
        service.misbehave(FaultRule("mute", connection=1))
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS) as made:
            await answered(ear, made, range(2))
            await ear.until(lambda: ear.count(BoothReady) == 2)
            await answered(ear, made, range(2, 4))
            assert [read_markers(ear.audio(f"u-{number}")) for number in range(4)] == [[], [], [2], [3]]
            assert ear.engines == [("translation", "silent"), ("translation", "restored")]


@virtual_time
async def test_an_engine_all_of_whose_sessions_fail_is_left_for_the_next_and_tried_again_later() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(*(FaultRule("fail_response", connection=number) for number in (1, 2)))
        ear = Ear()
        async with booth(service, ear, limits=replace(QUICK, restore_after_s=2.0)) as made:
            assert await answered(ear, made, range(2)) == ["failed"] * 2
            await ear.until(lambda: ear.count(BoothReady) == 2)
            assert await answered(ear, made, range(2, 4)) == ["failed"] * 2
            await ear.until(lambda: ear.count(BoothReady) == 3)
            assert await answered(ear, made, range(4, 5)) == ["completed"]
            assert ear.text("u-4") == "[es] utterance 4"
            assert ear.engines == [("conversation", "server_error"), ("captions", "server_error")]
            await ear.until(lambda: ear.count(BoothReady) == 4)
            assert await answered(ear, made, range(5, 6)) == ["completed"]
            assert ear.engines[2:] == [("conversation", "server_error"), ("conversation", "restored")]
            assert read_markers(ear.audio("u-5")) == [5]


@virtual_time
async def test_sessions_that_die_at_the_first_audio_count_as_refusals() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("close", at="heard", times=3))
        ear = Ear()
        async with booth(service, ear) as made:
            assert await answered(ear, made, range(3)) == ["closed_1011"] * 3
            await ear.until(lambda: ("captions", "closed_1011") in ear.engines)
            assert await answered(ear, made, range(3, 5)) == ["completed"] * 2


@virtual_time
async def test_a_translation_that_dies_at_its_first_silence_is_left_before_anybody_speaks() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("close", at="heard", times=3))
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS) as made:
            await ear.until(lambda: ("conversation", "closed_1011") in ear.engines)
            assert await answered(ear, made, range(2)) == ["completed"] * 2
        assert len(service.journal.entries("realtime.connection")) == 4


@virtual_time
async def test_an_engine_that_always_dies_is_asked_ever_more_rarely() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("close", at="heard"))
        ear = Ear()
        async with booth(service, ear, limits=BoothLimits()) as made:
            end = asyncio.get_running_loop().time() + 600
            number = 0
            while asyncio.get_running_loop().time() < end:
                number += 1
                say(made, f"u-{number}", number)
                await asyncio.sleep(20)
        assert len(service.journal.entries("realtime.connection")) < 40
        assert {engine for engine, _ in ear.engines} == {"conversation", "captions"}


@virtual_time
async def test_silence_is_no_fault_where_the_speaker_may_speak_the_target_language() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(FaultRule("silent"))
        ear = Ear()
        async with booth(service, ear, lane=Lane("8:acs:1", "auto", "es-ES")) as made:
            assert await answered(ear, made, range(6)) == ["completed"] * 6
            assert ear.engines == []
            assert ear.count(BoothReady) == 1


@virtual_time
async def test_an_answer_that_does_not_say_what_it_answers_belongs_to_the_only_utterance_that_waits() -> None:
    async with realtime_service(config=AT_ONCE) as service:
        service.misbehave(
            FaultRule("unlink_message"), FaultRule("refuse_response", response=2, error_code="odd", times=1)
        )
        ear = Ear()
        async with booth(service, ear) as made:
            assert await answered(ear, made, range(3)) == ["completed", "failed", "completed"]
            assert [read_markers(ear.audio(f"u-{number}")) for number in range(3)] == [[0], [], [2]]


# --- whose words are whose


async def spoken_in_turns(made: RealtimeBooth, lengths: list[int], pause_s: float) -> None:
    """Speak in real time, as a room does: each utterance ends with its pause."""
    for number, milliseconds in enumerate(lengths):
        pcm = speech(number % 16, milliseconds)
        for start in range(0, len(pcm), 9_600):
            made.hear(f"u-{number}", pcm[start : start + 9_600])
            await asyncio.sleep(0.2)
        made.interpret(f"u-{number}")
        await asyncio.sleep(pause_s)


@pytest.mark.parametrize(("lengths", "pause_s"), [([1_000] * 12, 1.6), ([1_200, 2_000, 1_600] * 5, 0.6)])
@virtual_time
async def test_no_turn_in_a_translation_is_empty_whose_sound_came(lengths: list[int], pause_s: float) -> None:
    async with realtime_service(config=RealtimeConfig()) as service:
        ear = Ear()
        async with booth(service, ear, Mode.SIMULTANEOUS) as made:
            await spoken_in_turns(made, lengths, pause_s)
            names = [f"u-{number}" for number in range(len(lengths))]
            for name in names:
                await ear.last_word(name)
            assert [name for name in names if not ear.audio(name)] == []
            own = [number % 16 in read_markers(ear.audio(name)) for number, name in enumerate(names)]
            assert sum(own) >= len(own) * 2 // 3
            assert ear.engines == []
