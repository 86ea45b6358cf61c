"""Whatever is sent to any route is answered in the service's form, and never with an error of the emulator's own."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emulator.acs.auth.signing import content_hash, decode_key, signature
from tests.support.acs_emulator import ACCESS_KEY, Acs, make_guest, make_room, running_acs, running_bot

CALL = "/calling/callConnections"
PATHS = [
    CALL,
    *[f"{CALL}:{name}" for name in ("connect", "answer", "redirect", "reject", "nonsense")],
    f"{CALL}/{{id}}",
    *[
        f"{CALL}/{{id}}:{name}"
        for name in (
            "terminate transferToParticipant play cancelAllMediaOperations recognize startMediaStreaming "
            "stopMediaStreaming startTranscription stopTranscription updateTranscription sendDtmfTones hold unhold "
            "startContinuousDtmfRecognition stopContinuousDtmfRecognition nonsense"
        ).split()
    ],
    f"{CALL}/{{id}}/participants",
    f"{CALL}/{{id}}/participants/8:acs:x",
    *[f"{CALL}/{{id}}/participants:{name}" for name in "add remove mute cancelAddParticipant moveHere".split()],
    "/calling/recordings",
    "/calling/recordings/{id}",
    "/calling/recordings/{id}:pause",
    "/calling/recordings/{id}:resume",
    "/rooms",
    "/rooms/{id}",
    "/rooms/{id}/participants",
    "/identities",
    "/identities/{id}",
    "/identities/{id}/:issueAccessToken",
    "/identities/{id}/:revokeAccessTokens",
    "/teamsUser/:exchangeAccessToken",
]
VERSION = {"/calling": "2026-03-12", "/rooms": "2025-03-13", "/identities": "2023-10-01", "/teamsUser": "2023-10-01"}
KEYS = (
    "callLocator kind roomId serverCallId callbackUri operationContext mediaStreamingOptions transportUrl "
    "transportType audioChannelType contentType audioFormat startMediaStreaming transcriptionOptions locale "
    "targets rawId communicationUser id phoneNumber value playSources file uri playTo playOptions loop text "
    "ssml ssmlText participantToAdd participantToRemove targetParticipants targetParticipant "
    "invitationTimeoutInSeconds invitationId fromCall recognizeInputType recognizeOptions dtmfOptions "
    "maxTonesToCollect interToneTimeoutInSeconds choices label tone tones stopTones operationCallbackUri "
    "incomingCallContext target callRejectReason callConnectionId recordingContentType recordingFormatType "
    "recordingStateCallbackUri pauseOnStart validFrom validUntil participants role pstnDialOutEnabled "
    "createTokenWithScopes scopes expiresInMinutes playSourceInfo sourceCallerIdNumber"
).split()
WORDS = [
    "",
    "roomCallLocator",
    "http://127.0.0.1:1/x",
    "8:acs:x",
    "4:+1",
    "file",
    "text",
    "dtmf",
    "one",
    "voip",
    "\0",
    "é",
]

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.sampled_from(WORDS),
        st.text(max_size=20),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
bodies = st.one_of(
    st.just(b""),
    st.binary(max_size=40),
    values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(KEYS), values, max_size=8).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"[" * 2000, b'{"a":' * 500, b"1" * 5000, b'{"expiresInMinutes":1e999}', b"\xef\xbb\xbf{}"]),
)


class Running:
    """An emulator on a thread of its own, with a call, for a test that has no loop."""

    def __init__(self) -> None:
        self.port = 0
        self.ids: dict[str, str] = {}
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(10)

    def close(self) -> None:
        assert self._loop is not None and self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with running_bot() as bot, running_acs({"connect_to_empty_room": "accept"}) as acs:
            self.acs = acs
            self.port = int(acs.url.rpartition(":")[2])
            await self._make_call(acs, bot.callback_url)
            self._ready.set()
            await self._stop.wait()

    async def _make_call(self, acs: Acs, callback_url: str) -> None:
        guest = await make_guest(acs)
        room_id = await make_room(acs, guest)
        await acs.post(f"/emulator/rooms/{room_id}/robots", {"token": guest.token})
        body = {"callLocator": {"kind": "roomCallLocator", "roomId": room_id}, "callbackUri": callback_url}
        _, answer = await asyncio.to_thread(self.send, "POST", f"{CALL}:connect", json.dumps(body).encode())
        self.ids = {CALL: json.loads(answer)["callConnectionId"], "/rooms": room_id, "/identities": guest.id}

    def send(self, method: str, path: str, body: bytes, query: str | None = None) -> tuple[int, bytes]:
        """A signed request; status and body of the answer."""
        if query is None:
            query = "api-version=" + next((v for prefix, v in VERSION.items() if path.startswith(prefix)), "none")
        target = f"{path}?{query}"
        date, digest = format_datetime(datetime.now(UTC), usegmt=True), content_hash(body)
        signed = signature(decode_key(ACCESS_KEY), method, target, date, f"127.0.0.1:{self.port}", digest)
        headers = {
            "x-ms-date": date,
            "x-ms-content-sha256": digest,
            "Authorization": f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signed}",
            "Content-Type": "application/json",
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def path(self, template: str, known: bool) -> str:
        own = next((found for prefix, found in self.ids.items() if template.startswith(prefix)), "unknown")
        return template.replace("{id}", own if known else "unknown")


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    server = Running()
    yield server
    server.close()


def check(status: int, answer: bytes, method: str) -> None:
    assert status < 500, answer
    if status >= 400 and method != "HEAD":
        error: dict[str, Any] = json.loads(answer)["error"]
        assert isinstance(error["code"], str)
        assert error["message"]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["POST", "POST", "POST", "GET", "PATCH", "PUT", "DELETE", "OPTIONS", "HEAD"]),
    template=st.sampled_from(PATHS),
    known=st.booleans(),
    body=bodies,
)
@example("POST", f"{CALL}/{{id}}:play", True, b'{"playSources":[{"kind":"file","file":{"uri":"http://"}}]}')
@example("POST", "/identities", True, b'{"createTokenWithScopes":["voip"],"expiresInMinutes":1e30}')
@example("PATCH", "/rooms/{id}", True, b'{"validUntil":"9999-12-31T23:59:59+14:00"}')
@example("POST", "/rooms", True, b'{"validFrom":"0001-01-01T00:00:00+14:00"}')
@example("POST", "/rooms", True, b'{"participants":{"8:acs:x":{"role":["Presenter"]}}}')
def test_whatever_is_sent_is_answered_in_the_services_form(
    running: Running, method: str, template: str, known: bool, body: bytes
) -> None:
    if known and (method == "DELETE" or template.endswith((":terminate", "participants:remove"))):
        known = False  # the call has to last
    check(*running.send(method, running.path(template, known), body), method)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/rooms", ""),
        ("/rooms", "api-version="),
        ("/rooms", "api-version=1999-01-01"),
        ("/rooms", "api-version=2025-03-13&skip=x"),
        ("/rooms", "api-version=2025-03-13&skip=" + "9" * 5000),
        ("/rooms", "api-version=2025-03-13&skip=%C2%B2"),
        ("/rooms/%00", "api-version=2025-03-13"),
        ("/rooms/..%2f..%2fetc", "api-version=2025-03-13"),
        ("/rooms/" + "9" * 4000, "api-version=2025-03-13"),
        ("/rooms/%ff%fe", "api-version=2025-03-13"),
        ("/calling/", "api-version=2026-03-12"),
        ("/calling/callConnections//participants", "api-version=2026-03-12"),
        ("/nowhere", ""),
        ("/", "x=y"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_odd_paths_and_versions(running: Running, method: str, path: str, query: str) -> None:
    check(*running.send(method, path, b"", query), method)


def test_a_body_too_large_is_refused(running: Running) -> None:
    status, answer = running.send("POST", "/rooms", b" " * (21 * 1024 * 1024))
    assert status == 413
    check(status, answer, "POST")


@pytest.mark.parametrize(
    "path",
    [
        "/emulator/faults",
        "/emulator/tokens",
        "/emulator/keys/rotate",
        "/emulator/invitations",
        "/emulator/eventgrid/subscriptions/x",
        "/emulator/rooms/1/robots",
        "/emulator/journal",
        "/emulator/phone",
    ],
)
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b'{"x":1}', b'{"headers":1,"endpoint":"http://x"}'])
def test_the_local_routes_are_as_patient(running: Running, path: str, body: bytes) -> None:
    for method in ("GET", "PUT", "POST"):
        if (path, method) != ("/emulator/keys/rotate", "POST"):
            check(*running.send(method, path, body), method)
