"""Which requests the emulator believes: signatures of the real clients, and what is wrong with others."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from azure.communication.callautomation import CommunicationUserIdentifier
from azure.communication.callautomation.aio import CallAutomationClient
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.communication.rooms.aio import RoomsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError

from emulator.acs.auth.signing import content_hash, signature
from tests.support.acs_emulator import ACCESS_KEY, Acs, running_acs
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

OTHER_KEY = AzureKeyCredential(base64.b64encode(b"another key").decode())


async def test_another_key_is_refused_by_every_service() -> None:
    async with (
        running_acs() as acs,
        CommunicationIdentityClient(acs.url, OTHER_KEY) as identity,
        RoomsClient(acs.url, OTHER_KEY) as rooms,
        CallAutomationClient(acs.url, OTHER_KEY) as calls,
    ):
        for attempt in (identity.create_user(), rooms.create_room(), calls.get_call_connection("x").hang_up(True)):
            with pytest.raises(ClientAuthenticationError) as refused:
                await attempt
            assert refused.value.status_code == 401
            assert '"7509"' in refused.value.response.text()  # type: ignore[union-attr] # typed as optional


async def test_the_clients_differ_in_spelling_and_only_strictness_minds() -> None:
    async with running_acs() as acs, CallAutomationClient(acs.url, acs.credential) as calls:
        connection = calls.get_call_connection("no-such-call")
        with pytest.raises(ResourceNotFoundError):
            await connection.get_participant(CommunicationUserIdentifier("8:acs:x_y"))
        acs.faults.replace({"switches": {"strict_signing": True}})
        with pytest.raises(ClientAuthenticationError):
            await connection.get_participant(CommunicationUserIdentifier("8:acs:x_y"))
        with pytest.raises(ResourceNotFoundError):
            await connection.get_call_properties()


def signed(
    acs: Acs, path: str, body: bytes, *, age: timedelta = timedelta(), declared: bytes | None = None
) -> dict[str, str]:
    host = acs.url.removeprefix("http://")
    date = format_datetime(datetime.now(UTC) - age, usegmt=True)
    digest = content_hash(body if declared is None else declared)
    made = signature(base64.b64decode(ACCESS_KEY), "POST", path, date, host, digest)
    return {
        "x-ms-date": date,
        "x-ms-content-sha256": digest,
        "Authorization": f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={made}",
        "x-ms-client-request-id": "my-request",
    }


async def post(acs: Acs, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
    async with acs.http.post(acs.url + path, data=body, headers=headers) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def test_old_and_altered_requests_are_refused() -> None:
    path, body = "/identities?api-version=2023-10-01", b"{}"
    async with running_acs() as acs:
        assert (await post(acs, path, body, signed(acs, path, body)))[0] == 201
        aged = signed(acs, path, body, age=timedelta(minutes=14))
        assert (await post(acs, path, body, aged))[0] == 201
        for headers in (
            signed(acs, path, body, age=timedelta(minutes=16)),
            signed(acs, path, body, age=-timedelta(minutes=16)),
            signed(acs, path, body, declared=b"something else"),
            signed(acs, "/identities?api-version=2022-10-01", body),
            {},
        ):
            status, text, _ = await post(acs, path, body, headers)
            assert (status, "HMAC-SHA256 validation failed" in text) == (401, True)


@pytest.mark.parametrize("version", ["", "?api-version=2020-01-01"])
async def test_an_api_version_is_asked_for(version: str) -> None:
    async with running_acs() as acs:
        path = "/identities" + version
        assert (await post(acs, path, b"", signed(acs, path, b"")))[0] == 400


async def test_answers_carry_the_headers_of_the_service() -> None:
    path = "/calling/callConnections/none:terminate?api-version=2026-03-12"
    async with running_acs() as acs:
        status, text, headers = await post(acs, path, b"", signed(acs, path, b""))
        assert (status, '"8522"' in text) == (404, True)
        assert headers["x-ms-client-request-id"] == "my-request"
        assert headers["api-supported-versions"].endswith("2026-03-12")
        assert headers["MS-CV"]
        assert uuid.UUID(headers["X-Microsoft-Skype-Chain-ID"])


async def test_unknown_paths_and_methods_have_error_bodies() -> None:
    path = "/calling/nothing?api-version=2026-03-12"
    async with running_acs() as acs:
        status, text, _ = await post(acs, path, b"", signed(acs, path, b""))
        assert (status, '"error"' in text) == (404, True)
        status, text, _ = await post(acs, "/elsewhere", b"", {})
        assert (status, '"error"' in text) == (404, True)


async def test_a_repeated_request_gets_its_first_answer_again() -> None:
    path = "/rooms?api-version=2025-03-13"
    async with running_acs() as acs:
        repeated = {"Repeatability-Request-ID": str(uuid.uuid4()), "Repeatability-First-Sent": "now"}
        answers = [await post(acs, path, b"{}", signed(acs, path, b"{}") | repeated) for _ in range(2)]
        other = await post(acs, path, b"{}", signed(acs, path, b"{}") | {"Repeatability-Request-ID": "2"})
        assert [status for status, _, _ in answers] == [201, 201]
        assert answers[0][1] == answers[1][1] != other[1]
        assert answers[1][2]["Repeatability-Result"] == "accepted"
        assert answers[1][2]["Location"] == answers[0][2]["Location"]
