"""Any frames in any order on real connections: error shape or close code, never a crash, nobody else disturbed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.processes import Running, emulator_process

FEW, MANY = 5, 40
PATIENCE_S = 30.0
# Normal; protocol error; unfit data; no UTF-8; too big.
CLOSE_CODES = {1000, 1002, 1003, 1007, 1009}

Frame = str | bytes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


def objects(types: list[str], members: list[str]) -> st.SearchStrategy[str]:
    """Messages of known types with members that may be known, and any values."""
    rest = st.dictionaries(st.sampled_from(members) | st.text(max_size=6), JSON, max_size=3)
    return st.builds(lambda kind, more: json.dumps({**more, "type": kind}), st.sampled_from(types), rest)


def frames(types: list[str], members: list[str]) -> st.SearchStrategy[list[Frame]]:
    one: st.SearchStrategy[Frame] = st.one_of(
        objects(types, members),
        JSON.map(json.dumps),
        st.text(max_size=40),
        st.binary(max_size=2000),
        st.just(bytes(960)),
    )
    return st.lists(one, max_size=8)


JOIN_FRAMES = frames(["hello", "mute", "unmute", "leave", "dtmf"], ["display_name", "tone", "type"])
REALTIME_FRAMES = frames(
    [
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.delete",
        "conversation.item.truncate",
        "response.create",
        "response.cancel",
        "session.close",
    ],
    ["session", "audio", "item", "item_id", "response", "event_id", "content_index", "audio_end_ms"],
)


@dataclass
class Call:
    """A call with Ben in it, and what brings Anna there."""

    running: Running
    anna: str
    ben: ClientConnection

    def undisturbed(self) -> None:
        """Ben goes on hearing frames: new ones, when those that waited are read."""
        try:
            while True:
                self.ben.recv(timeout=0.005)
        except TimeoutError:
            pass
        while isinstance(self.ben.recv(timeout=PATIENCE_S), str):
            pass


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with emulator_process() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def call(running: Running) -> Iterator[Call]:
    token = running.ask("POST", "/emulator/tokens", {})["access_token"]
    people = [
        running.ask("POST", "/identities?api-version=2023-10-01", {"createTokenWithScopes": ["voip"]}, token)
        for _ in range(2)
    ]
    roster = {each["identity"]["id"]: {"role": "Presenter"} for each in people}
    room = running.ask("POST", "/rooms?api-version=2025-03-13", {"participants": roster}, token)
    base = running.acs_url.replace("http", "ws") + f"/emulator/rooms/{room['id']}/join?token="
    anna, ben = (base + each["accessToken"]["token"] for each in people)
    with connect(ben, compression=None) as socket:
        socket.send('{"type":"hello","display_name":"Ben"}')
        yield Call(running, anna, socket)
    assert running.ask("GET", "/emulator/journal?kind=call.failed")["items"] == []
    assert running.ask("GET", "/emulator/journal?kind=call.started")["items"][1:] == []


def a_join_socket_survives_anything(call: Call, sent: list[Frame], says_hello: bool) -> None:
    hello: list[Frame] = ['{"type":"hello","display_name":"Anna"}'] if says_hello else []
    said, code = converse(connect(call.anna, compression=None), [*hello, *sent, '{"type":"leave"}'])
    assert code in CLOSE_CODES
    if code == 1003:
        assert set(said[-1]["error"]) == {"code", "message"}
    call.undisturbed()


def a_realtime_socket_survives_anything(running: Running, call: Call, path: str, sent: list[Frame]) -> None:
    socket = connect(
        running.realtime_url.replace("http", "ws") + path,
        additional_headers={"Authorization": "Bearer key"},
        compression=None,
    )
    with socket:
        said = [json.loads(socket.recv(timeout=PATIENCE_S))]
        try:
            for frame in sent:
                socket.send(frame)
            socket.send('{"type":"unknown.event","event_id":"the last one"}')
            while said[-1]["type"] != "error" or said[-1]["error"].get("event_id") != "the last one":
                said.append(json.loads(socket.recv(timeout=PATIENCE_S)))
        except ConnectionClosed:
            assert socket.close_code in CLOSE_CODES
    assert said[0]["type"] == "session.created"
    for message in said:
        assert isinstance(message["type"], str)
        if message["type"] == "error":
            assert {"type", "code", "message"} <= set(message["error"])
    call.undisturbed()


EXAMPLES = [FEW, pytest.param(MANY, marks=pytest.mark.soak)]
PATHS = ["/v1/realtime?model=m", "/v1/realtime/translations?model=m"]


def tried(count: int) -> settings:
    """The same examples in every run."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=checks)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_join_socket_survives_anything(call: Call, examples: int) -> None:
    tried(examples)(given(sent=JOIN_FRAMES, says_hello=st.booleans())(a_join_socket_survives_anything))(call)


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("path", PATHS)
def test_a_realtime_socket_survives_anything(running: Running, call: Call, path: str, examples: int) -> None:
    tried(examples)(given(sent=REALTIME_FRAMES)(a_realtime_socket_survives_anything))(running, call, path)


def converse(socket: ClientConnection, sent: list[Frame]) -> tuple[list[Any], int | None]:
    """Send everything; what was said to it in text, and the close code."""
    said: list[Any] = []
    with socket:
        try:
            for frame in sent:
                socket.send(frame)
        except ConnectionClosed:
            pass
        try:
            while True:
                message = socket.recv(timeout=PATIENCE_S)
                if isinstance(message, str):
                    said.append(json.loads(message))
        except ConnectionClosed:
            return said, socket.close_code
