from __future__ import annotations

import asyncio
import itertools
import json
import random
import socket
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import replace

import openai
import pytest
from websockets.asyncio.server import ServerConnection

from bot.interpreting.events import (
    BoothDegraded,
    BoothLost,
    BoothReady,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
)
from bot.interpreting.plan import Lane
from bot.realtime import conversation_turns
from bot.realtime.booth import RealtimeBooth
from bot.realtime.client import build_client
from bot.realtime.engines import booth_factory
from bot.realtime.timeouts import BoothLimits
from tests.support.booth_service import (
    FRAME,
    KEY,
    LANE,
    QUICK,
    ModelService,
    Visit,
    answer,
    meeting,
    running,
    say,
    sockets_of,
    speak,
    until,
)
from tests.support.realtime_service import ServiceModel
from tests.support.virtual_time import virtual_time

# --- opening


@virtual_time
async def test_nothing_said_while_the_session_opens_is_lost() -> None:
    async def slow(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        await asyncio.sleep(0.05)
        await answer(service, connection, model)

    async with meeting(visits=[slow]) as (service, room, booth):
        first = say(booth, "u-1")
        async with running(booth):
            second = speak(booth, "u-2", 7)
            await until(lambda: bool(service.models))
            second += say(booth, "u-2", 30)
            await room.until(InterpretationEnded, 2)
        assert service.heard == [first, second]
        assert [event.outcome for event in room.of(InterpretationEnded)] == [InterpretationOutcome.COMPLETED] * 2
        audio = [event.utterance for event in room.of(InterpretationAudio)]
        assert audio == ["u-1", "u-2"]
        assert room.of(BoothLost) == room.of(HearingDropped) == []
        kinds = [message["type"] for message in service.models[0].received]
        assert kinds[0] == "session.update"
        assert booth.counters.bytes_held == booth.counters.bytes_taken == len(first) + len(second)


@virtual_time
async def test_the_request_carries_deployment_and_key() -> None:
    async with meeting() as (service, room, booth), running(booth):
        await room.until(BoothReady)
        (request,) = service.requests
        assert request.path == "/openai/v1/realtime?model=gpt-realtime"
        assert request.headers["api-key"] == KEY
        assert "Authorization" not in request.headers
        assert "Sec-WebSocket-Extensions" not in request.headers


@virtual_time
async def test_a_token_is_asked_for_on_every_connect() -> None:
    tokens = iter(["first", "second"])

    async def token() -> str:
        return next(tokens)

    async def leave(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        await connection.close(1011)

    async with meeting(visits=[leave]) as (service, room, _):
        async with build_client(f"http://127.0.0.1:{service.port}/", token) as client:
            booth = booth_factory(sockets_of(client), "gpt-realtime", limits=QUICK)(LANE, "Interpret.", room.deliver)
            assert isinstance(booth, RealtimeBooth)
            async with running(booth):
                await room.until(BoothReady)
        assert [request.headers["Authorization"] for request in service.requests] == ["Bearer first", "Bearer second"]


@virtual_time
async def test_no_token_is_a_reason_to_try_again() -> None:
    answers: list[str | Exception] = [LookupError("credential library"), "good"]

    async def token() -> str:
        got = answers.pop(0)
        if isinstance(got, Exception):
            raise got
        return got

    async with meeting() as (service, room, _):
        async with build_client(f"http://127.0.0.1:{service.port}", token) as client:
            booth = booth_factory(sockets_of(client), "gpt-realtime", limits=QUICK)(LANE, "Interpret.", room.deliver)
            assert isinstance(booth, RealtimeBooth)
            async with running(booth):
                await room.until(BoothReady)
        assert [event.reason for event in room.of(BoothLost)] == ["no_token"]


@virtual_time
async def test_one_certificate_store_serves_all_sessions() -> None:
    async with build_client("https://name.openai.azure.com", KEY) as client:
        assert str(client.base_url) == "https://name.openai.azure.com/openai/v1/"
        assert isinstance(dict(sockets_of(client).options)["ssl"], ssl.SSLContext)


# --- losing a session


async def close_with(code: int, connection: ServerConnection) -> None:
    if code == 1006:
        sock = connection.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.transport.abort()
    else:
        await connection.close(code, "gone")


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011, 4000])
@virtual_time
async def test_a_session_closed_in_mid_utterance_is_replaced(code: int) -> None:
    async def close_at_commit(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        with_commit = asyncio.create_task(answer(service, connection, model))
        await until(lambda: bool(model.of_type("response.create")))
        with_commit.cancel()
        with suppress(asyncio.CancelledError):
            await with_commit
        await close_with(code, connection)

    async with meeting(visits=[close_at_commit], answering=False) as (service, room, booth), running(booth):
        say(booth, "u-1")
        speak(booth, "u-2")
        lost = await room.until(BoothLost)
        assert lost.reason == f"closed_{code}"
        assert set(lost.utterances) == {"u-1", "u-2"}
        assert not lost.final
        service.answering = True
        speak(booth, "u-2", 20)  # the rest of it: of no use any more
        booth.interpret("u-2")
        pcm = say(booth, "u-3")
        ended = await room.until(InterpretationEnded)
        assert (ended.utterance, ended.outcome) == ("u-3", InterpretationOutcome.COMPLETED)
        assert list(service.models[1].committed) == [pcm]
        assert len(room.of(BoothReady)) == 2
        assert len(room.of(BoothLost)) == 1


@virtual_time
async def test_what_was_not_sent_goes_to_the_next_session() -> None:
    async def leave_at_once(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        await connection.recv()
        await connection.close(1012)

    async with meeting(visits=[leave_at_once, leave_at_once]) as (service, room, booth):
        pcm = say(booth, "u-1")
        async with running(booth):
            ended = await room.until(InterpretationEnded)
        assert ended.outcome is InterpretationOutcome.COMPLETED
        assert service.heard == [pcm]
        assert [event.utterances for event in room.of(BoothLost)] == [()]  # once, not for each attempt


@virtual_time
async def test_a_refused_connection_is_tried_again_after_what_the_service_asks_for() -> None:
    refusals = [(429, {"Retry-After": "0.3"}), (503, {"Retry-After": "0.2"}), (500, {})]
    async with meeting(refusals=refusals) as (service, room, booth), running(booth):
        await room.until(BoothReady)
        gaps = [later - earlier for earlier, later in zip(service.arrivals, service.arrivals[1:], strict=False)]
        assert len(gaps) == 3
        assert gaps[0] >= 0.3 - 1e-9  # differences of loop times
        assert gaps[1] >= 0.2
        assert gaps[2] < 2.0, "nobody asked for patience, and the machine may be busy"
        assert [event.reason for event in room.of(BoothLost)] == ["quota"]


@virtual_time
async def test_the_service_cannot_ask_for_any_patience() -> None:
    limits = BoothLimits(first_pause_s=0.0, longest_retry_after_s=0.05)
    async with meeting(limits, refusals=[(429, {"Retry-After": "3600"})]) as (_, room, booth), running(booth):
        await room.until(BoothReady)


class Recorded(random.Random):
    """Takes the longest pause, a thousandth of it, and remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds: list[float] = []

    def uniform(self, a: float, b: float) -> float:
        assert a == 0
        self.bounds.append(b)
        return b / 1000


@virtual_time
async def test_pauses_grow_when_sessions_die_young() -> None:
    async def leave_when_configured(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        model.receive(str(await connection.recv()))
        for text in model.messages():
            await connection.send(text)
        await connection.close(1011)

    rng = Recorded()
    async with meeting(BoothLimits(), rng, visits=[leave_when_configured] * 7) as (_, room, booth), running(booth):
        await room.until(BoothReady, 8)
    assert rng.bounds == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


@virtual_time
async def test_a_session_that_lived_long_starts_the_count_anew() -> None:
    async def leave_later(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        model.receive(str(await connection.recv()))
        for text in model.messages():
            await connection.send(text)
        await asyncio.sleep(0.03)
        await connection.close(1011)

    rng = Recorded()
    limits = BoothLimits(stable_s=0.01)
    async with meeting(limits, rng, visits=[leave_later] * 3) as (_, room, booth), running(booth):
        await room.until(BoothReady, 4)
    assert rng.bounds == [0.5, 0.5, 0.5]


# --- never having one


@pytest.mark.parametrize("status", [401, 403, 404])
@virtual_time
async def test_a_service_that_does_not_want_us_is_left_alone(status: int) -> None:
    async with meeting(refusals=[(status, {})]) as (service, room, booth):
        say(booth, "u-1")
        await booth.run()
        assert room.events == [BoothLost(LANE, f"http_{status}", (), final=True)]
        say(booth, "u-2")
        booth.cancel("u-2")
        assert booth.held_ms <= 200
        assert len(service.requests) == 1


@virtual_time
async def test_a_key_that_was_good_gets_another_chance() -> None:
    async with meeting() as (service, room, booth), running(booth) as task:
        await room.until(BoothReady)
        service.refusals = [(401, {})] * 2
        await service.drop_all()
        await room.until(BoothReady, 2)
        service.refusals = [(401, {})] * 10
        await service.drop_all()
        async with asyncio.timeout(30):
            await task
        assert room.events[-1] == BoothLost(LANE, "http_401", (), final=True)
        assert len(service.refusals) == 7


@virtual_time
async def test_a_refused_configuration_is_final() -> None:
    async def refuse(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        update = json.loads(await connection.recv())
        error = {"type": "invalid_request_error", "code": "unknown_parameter", "event_id": update["event_id"]}
        await connection.send(json.dumps(model.created()))
        await connection.send(json.dumps({"type": "error", "error": error}))
        await connection.wait_closed()

    async with meeting(visits=[refuse, refuse]) as (_, room, booth):
        say(booth, "u-1")
        await booth.run()
        assert room.events == [
            BoothDegraded(LANE, "captions", "configuration_refused"),  # which may ask for text, if not for speech
            BoothLost(LANE, "configuration_refused", (), final=True),
        ]


@virtual_time
async def test_a_service_that_never_confirms_is_left() -> None:
    async def silent(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        await connection.wait_closed()

    limits = BoothLimits(configure_s=0.05, first_pause_s=0.01)
    async with meeting(limits, visits=[silent]) as (service, room, booth), running(booth):
        pcm = say(booth, "u-1")
        ended = await room.until(InterpretationEnded)
        assert ended.outcome is InterpretationOutcome.COMPLETED
        assert service.heard == [pcm]
        assert [event.reason for event in room.of(BoothLost)] == ["unconfigured"]


# --- a service that stalls


@virtual_time
async def test_while_no_session_can_be_had_the_oldest_utterances_are_dropped_and_said_to_be() -> None:
    opened = asyncio.Event()

    async def closed_door(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        await opened.wait()
        await answer(service, connection, model)

    limits = BoothLimits(backlog_ms=1_000, configure_s=5)
    async with meeting(limits, visits=[closed_door]) as (service, room, booth), running(booth):
        for number in range(20):
            say(booth, f"u-{number}", 20)  # 400 ms each
            assert booth.held_ms <= 1_000
        await room.until(HearingDropped, 18)
        opened.set()
        await room.until(InterpretationEnded, 2)
        assert [event.utterance for event in room.of(HearingDropped)] == [f"u-{number}" for number in range(18)]
        assert {event.reason for event in room.of(HearingDropped)} == {"model_backlog"}
        assert [event.utterance for event in room.of(InterpretationEnded)] == ["u-18", "u-19"]
        counters = booth.counters
        assert counters.bytes_held == counters.bytes_taken + counters.bytes_dropped


@virtual_time
async def test_what_waits_too_long_is_dropped_even_if_nobody_speaks_any_more() -> None:
    async def closed_door(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        await connection.wait_closed()

    limits = BoothLimits(backlog_ms=100)
    async with meeting(limits, visits=[closed_door]) as (_, room, booth), running(booth):
        say(booth, "u-1", 3)
        assert await room.until(HearingDropped) == HearingDropped(LANE, "u-1", "model_backlog")
        assert booth.held_ms == 0


@virtual_time
async def test_an_utterance_dropped_halfway_is_taken_back_from_the_service() -> None:
    limits = BoothLimits(backlog_ms=100)
    async with meeting(limits) as (service, room, booth), running(booth):
        await room.until(BoothReady)
        speak(booth, "u-1", 5)
        (model,) = service.models
        await until(lambda: len(model.buffer) == 5 * len(FRAME))
        speak(booth, "u-1", 2)  # too little to be sent, and then nothing
        await room.until(HearingDropped)
        speak(booth, "u-1", 20)
        booth.interpret("u-1")
        pcm = say(booth, "u-2", 5)
        await room.until(InterpretationEnded)
        assert service.heard == [pcm]
        assert len(model.of_type("input_audio_buffer.clear")) == 1
        assert len(room.of(InterpretationEnded)) == len(room.of(HearingDropped)) == 1


@virtual_time
async def test_a_service_that_stops_answering_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_turns, "COMMIT_PATIENCE_S", 0.1)

    async def stall(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        model.receive(str(await connection.recv()))
        for text in model.messages():
            await connection.send(text)
        connection.transport.pause_reading()
        await connection.wait_closed()

    async with meeting(visits=[stall]) as (service, room, booth), running(booth):
        await room.until(BoothReady)
        say(booth, "u-1")
        speak(booth, "u-2")
        lost = await room.until(BoothLost)
        assert lost.reason == "unacknowledged"
        assert lost.utterances == ("u-1", "u-2")
        pcm = say(booth, "u-3")
        ended = await room.until(InterpretationEnded)
        assert ended.utterance == "u-3"
        assert list(service.models[-1].committed) == [pcm]


async def test_a_service_that_does_not_read_costs_no_memory_and_is_left_in_time() -> None:
    async def deaf(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        model.receive(str(await connection.recv()))
        for text in model.messages():
            await connection.send(text)
        connection.transport.pause_reading()
        await connection.wait_closed()

    limits = BoothLimits(backlog_ms=60_000, write_s=0.2, close_s=0.1, first_pause_s=0.01)
    async with meeting(limits, visits=[deaf]) as (_, room, booth), running(booth):
        await room.until(BoothReady)
        second = bytes(48_000)
        sent = 0
        async with asyncio.timeout(30):
            while not room.of(BoothLost):  # what the kernel takes is gone; then nothing more is
                if booth.held_ms < 20_000:
                    booth.hear("u-1", second)
                    sent += 1
                await asyncio.sleep(0)
        assert room.of(BoothLost)[0].reason == "stalled"
        assert room.of(BoothLost)[0].utterances == ("u-1",)
        assert booth.held_ms == 0
        await room.until(BoothReady, 2)


# --- cancelling an utterance


@virtual_time
async def test_cancelling_in_mid_speech_silences_the_model() -> None:
    async with meeting(answering=False) as (service, room, booth), running(booth):
        say(booth, "u-1")
        await until(lambda: bool(service.models and service.models[0].pending))
        booth.cancel("u-1")
        service.answering = True
        pcm = say(booth, "u-2")
        await room.until(InterpretationEnded)
        booth.release("u-2")
        (model,) = service.models
        await until(lambda: len(model.deleted) == 2)
        assert len(model.of_type("response.cancel")) == 1
        assert model.committed[-1] == pcm
        assert {getattr(event, "utterance", "u-2") for event in room.events} == {"u-2"}


@virtual_time
async def test_what_is_cancelled_before_it_was_sent_is_never_sent() -> None:
    async with meeting() as (service, room, booth):
        say(booth, "u-1")
        speak(booth, "u-2")
        booth.cancel("u-1")
        booth.cancel("u-2")
        speak(booth, "u-2")
        pcm = say(booth, "u-3")
        async with running(booth):
            await room.until(InterpretationEnded)
        assert service.heard == [pcm]


@virtual_time
async def test_a_drop_is_not_reported_after_a_cancel_nor_from_within_hear() -> None:
    async with meeting(BoothLimits(backlog_ms=100)) as (_, room, booth):
        speak(booth, "u-1", 20)
        speak(booth, "u-2", 20)
        assert room.events == []  # the room is busy: it is us whom it is calling
        booth.cancel("u-1")
        async with running(booth):
            await room.until(HearingDropped)
            await room.until(BoothReady)
        assert room.of(HearingDropped) == [HearingDropped(LANE, "u-2", "model_backlog")]


@virtual_time
async def test_an_utterance_nobody_heard_fails() -> None:
    async with meeting() as (_, room, booth), running(booth):
        booth.interpret("u-1")
        ended = await room.until(InterpretationEnded)
        assert (ended.utterance, ended.outcome, ended.reason) == ("u-1", InterpretationOutcome.FAILED, "nothing_heard")


# --- garbage


@virtual_time
async def test_a_little_garbage_is_survived_and_a_lot_is_not() -> None:
    async def babble(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        for number in range(100):
            await connection.send(b"\x00\xff" if number % 2 else "{")
            if number == 5:
                model.receive(str(await connection.recv()))
                for text in model.messages():
                    await connection.send(text)
        await connection.wait_closed()

    async with meeting(visits=[babble]) as (_, room, booth), running(booth):
        await room.until(BoothReady, 2)
        assert [event.reason for event in room.of(BoothLost)] == ["garbage"]


@virtual_time
async def test_a_message_too_large_ends_the_session() -> None:
    async def flood(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        await connection.send(" " * (5 * 1024 * 1024))
        await connection.wait_closed()

    async with meeting(visits=[flood]) as (_, room, booth), running(booth):
        await room.until(BoothReady)
        assert len(room.of(BoothLost)) == 1


# --- renewing


@virtual_time
async def test_a_session_is_succeeded_before_it_expires_and_finishes_what_it_has() -> None:
    def expiring(seconds: float) -> Visit:
        async def visit(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
            model.session["expires_at"] = time.time() + seconds
            await answer(service, connection, model)

        return visit

    async with meeting(visits=[expiring(1.0)], answering=False) as (service, room, booth), running(booth):
        first = say(booth, "u-1")
        half = speak(booth, "u-2")
        await until(lambda: bool(service.models and service.models[0].pending and service.models[0].buffer))
        await room.until(BoothReady, 2)
        half += say(booth, "u-2")  # its first half is with the old session, and so is the rest
        third = say(booth, "u-3")
        await until(lambda: len(service.heard) == 3)
        old, new = service.models
        assert old.committed == [first, half]
        assert new.committed == [third]
        service.answering = True
        say(booth, "u-4")
        old.step(0)
        await room.until(InterpretationEnded, 2)
        assert room.of(BoothLost) == []


@virtual_time
async def test_a_session_that_retires_and_is_not_released_is_closed_all_the_same() -> None:
    async def expiring(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        model.session["expires_at"] = time.time() + 0.4
        await answer(service, connection, model)

    limits = replace(QUICK, retire_s=0.2)
    async with meeting(limits, visits=[expiring]) as (service, room, booth), running(booth):
        say(booth, "u-1")
        await room.until(InterpretationEnded)
        await room.until(BoothReady, 2)
        await until(lambda: service.left == 1)
        assert room.of(BoothLost) == []


@virtual_time
async def test_an_expiry_in_the_past_is_not_believed() -> None:
    async def skewed(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        model.session["expires_at"] = 1_000.0
        await answer(service, connection, model)

    async with meeting(visits=[skewed]) as (service, room, booth), running(booth):
        say(booth, "u-1")
        await room.until(InterpretationEnded)
        assert len(service.requests) == 1
        assert booth._sessions.current is not None
        assert booth._sessions.current.renew_at is not None
        renewed_in_s = booth._sessions.current.renew_at - asyncio.get_running_loop().time()
        assert 1_500 - 1.5 * 300 - 5 < renewed_in_s <= 1_200


@virtual_time
async def test_lanes_that_began_together_are_renewed_one_after_the_other() -> None:
    async def short(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        model.session["expires_at"] = time.time() + 1_500
        await answer(service, connection, model)

    async def renewed_in_s(lane: Lane) -> float:
        async with meeting(lane=lane, visits=[short]) as (service, room, booth), running(booth):
            await room.until(BoothReady)
            assert booth._sessions.current is not None
            assert booth._sessions.current.renew_at is not None
            return booth._sessions.current.renew_at - asyncio.get_running_loop().time()

    lanes = [Lane(f"8:acs:{number}", "en-US", target) for number in range(4) for target in ("es-ES", "fr-FR")]
    moments = [await renewed_in_s(lane) for lane in lanes]
    assert 1_045 < min(moments) < max(moments) <= 1_200
    between = [later - earlier for earlier, later in itertools.pairwise(sorted(moments))]
    assert min(between) > 0.5
    assert await renewed_in_s(lanes[0]) == pytest.approx(moments[0], abs=0.5)


# --- the end


async def test_cancelling_while_connecting_leaves_nothing() -> None:
    entered = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        entered.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    async with server, build_client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", KEY) as client:
        booth = booth_factory(sockets_of(client), "gpt-realtime")(LANE, "Interpret.", lambda event: None)
        task = asyncio.create_task(booth.run())
        async with asyncio.timeout(30):
            await entered.wait()
        booth.hear("u-1", FRAME)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@virtual_time
async def test_cancelling_in_mid_utterance_leaves_nothing() -> None:
    async with meeting() as (service, room, booth):
        async with running(booth):
            await room.until(BoothReady)
            speak(booth, "u-1")
            (model,) = service.models
            await until(lambda: len(model.buffer) > 0)
        async with asyncio.timeout(30):
            await until(lambda: service.left == 1)
        booth.hear("u-1", FRAME)
        assert booth.held_ms < 100


@virtual_time
async def test_cancelling_between_two_attempts_leaves_nothing() -> None:
    limits = BoothLimits(first_pause_s=1_000, longest_pause_s=1_000)
    async with meeting(limits, refusals=[(500, {})]) as (service, room, booth):
        async with running(booth):
            await room.until(BoothLost)
        assert len(service.requests) == 1


def test_the_sdk_does_not_reconnect_by_itself() -> None:
    assert openai.AsyncOpenAI(api_key="x", base_url="http://x").max_retries == 2
    assert build_client("http://127.0.0.1:1", KEY).max_retries == 0


@virtual_time
async def test_bad_answers_of_the_only_engine_do_not_put_off_its_next_session() -> None:
    limits = replace(QUICK, first_pause_s=10.0, longest_sick_pause_s=60.0)
    async with meeting(limits, random.Random(7)) as (_, room, booth), running(booth):
        await room.until(BoothReady)
        sick = booth._sessions.current
        assert sick is not None
        booth._sessions._succeeding = True
        while booth._sessions._fallback.fall_back(0.0):
            pass
        booth._sessions._engines[sick] = booth._sessions._fallback.engine
        planned = []
        for _ in range(8):
            sick.health.bad = limits.bad_answers
            booth._sessions.replace_if_sick(sick)
            assert sick.renew_at is not None
            planned.append(sick.renew_at)
        assert planned == sorted(planned, reverse=True)


@virtual_time
async def test_one_session_is_opened_though_another_engine_is_chosen_in_the_pause_before_it() -> None:
    async def leave(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        for text in model.messages():
            await connection.send(text)
        model.receive(str(await connection.recv()))
        for text in model.messages():
            await connection.send(text)
        await connection.close(1011)

    limits = replace(QUICK, first_pause_s=5.0, longest_pause_s=5.0)
    async with meeting(limits, random.Random(1), visits=[leave]) as (service, room, booth), running(booth):
        await room.until(BoothReady)
        retiring = booth._sessions.current
        assert retiring is not None
        await room.until(BoothLost)
        for name in ("u-1", "u-2", "u-3"):
            ended = InterpretationEnded(LANE, name, InterpretationOutcome.FAILED, "insufficient_quota")
            booth.deliver(retiring, ended)
        await asyncio.sleep(10.0)
        assert booth.engine == "captions"
        assert len(service.requests) == 2


# --- typed texts


@virtual_time
async def test_texts_wait_for_a_session_and_too_many_are_not_sent() -> None:
    opened = asyncio.Event()

    async def closed_door(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        await opened.wait()
        await answer(service, connection, model)

    limits = BoothLimits(configure_s=50, texts=3)
    async with meeting(limits, visits=[closed_door]) as (service, room, booth), running(booth):
        for number in range(5):
            booth.translate(f"text-{number}", "Hello")
        booth.cancel("text-1")
        await room.until(InterpretationEnded, 2)
        dropped = [(event.utterance, event.reason) for event in room.of(InterpretationEnded)]
        assert dropped == [("text-3", "model_backlog"), ("text-4", "model_backlog")]
        opened.set()
        await room.until(InterpretationEnded, 4)
        answered = [(event.utterance, event.outcome) for event in room.of(InterpretationEnded)][2:]
        assert answered == [
            ("text-0", InterpretationOutcome.COMPLETED),
            ("text-2", InterpretationOutcome.COMPLETED),
        ]
        assert [one["response"]["input"][0]["role"] for one in service.models[0].of_type("response.create")] == [
            "user"
        ] * 2
