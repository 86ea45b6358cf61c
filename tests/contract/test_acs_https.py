"""Https with the emulator's own authority, and bearer tokens instead of the access key: all clients, both kinds."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from pathlib import Path

import pytest
from azure.communication.callautomation import CallAutomationClient as SyncCalls
from azure.communication.callautomation.aio import CallAutomationClient
from azure.communication.identity import CommunicationIdentityClient as SyncIdentity
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.communication.rooms import RoomsClient as SyncRooms
from azure.communication.rooms.aio import RoomsClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError

from emulator.acs.auth.entra import ISSUER
from emulator.acs.events.callbacks import TokenIssuer
from tests.support.acs_emulator import ACCESS_KEY, Acs, authority, make_guest, running_acs, signing_key


def connection_string(acs: Acs) -> str:
    return f"endpoint={acs.tls_url}/;accesskey={ACCESS_KEY}"


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    file.write_bytes(authority().certificate)
    return file


async def test_connection_strings_work_over_https_with_the_authority(ca_file: Path) -> None:
    async with running_acs() as acs:
        trust = str(ca_file)
        async with (
            CommunicationIdentityClient.from_connection_string(connection_string(acs), connection_verify=trust) as ids,
            RoomsClient.from_connection_string(connection_string(acs), connection_verify=trust) as rooms,
            CallAutomationClient.from_connection_string(connection_string(acs), connection_verify=trust) as calls,
        ):
            assert (await ids.create_user()).raw_id
            room = await rooms.create_room()
            assert room.id in [each.id async for each in rooms.list_rooms()]
            with pytest.raises(ResourceNotFoundError):
                await calls.get_call_connection("x").get_call_properties()


async def test_connection_strings_work_over_https_without_a_loop_too(ca_file: Path) -> None:
    async with running_acs({"page_size": 1}) as acs:

        def run() -> None:
            trust = str(ca_file)
            ids = SyncIdentity.from_connection_string(connection_string(acs), connection_verify=trust)
            with closing(ids._identity_service_client):  # this client alone cannot be closed
                assert ids.create_user().raw_id
            with SyncRooms.from_connection_string(connection_string(acs), connection_verify=trust) as rooms:
                made = {rooms.create_room().id for _ in range(3)}
                assert {each.id for each in rooms.list_rooms()} == made
            with SyncCalls.from_connection_string(connection_string(acs), connection_verify=trust) as calls:
                with pytest.raises(ResourceNotFoundError):
                    calls.get_call_connection("x").get_call_properties()

        await asyncio.to_thread(run)


class LocalCredential:
    """A bearer token, as `azure.identity` would bring one."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes.extend(scopes)
        return AccessToken(self.token, int(time.time()) + 3600)


class AsyncCredential(LocalCredential):
    async def get_token(self, *scopes: str, **more: object) -> AccessToken:  # type: ignore[override] # awaited
        return super().get_token(*scopes, **more)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> AsyncCredential:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


async def test_a_bearer_token_of_the_local_issuer_opens_every_service(ca_file: Path) -> None:
    async with running_acs() as acs:
        trust = str(ca_file)
        status, answer = await acs.post("/emulator/tokens", {})
        assert (status, answer["token_type"]) == (201, "Bearer")
        credential = AsyncCredential(answer["access_token"])
        async with (
            CommunicationIdentityClient(acs.tls_url, credential, connection_verify=trust) as ids,
            RoomsClient(acs.tls_url, credential, connection_verify=trust) as rooms,
            CallAutomationClient(acs.tls_url, credential, connection_verify=trust) as calls,
        ):
            await ids.create_user()
            await rooms.create_room()
            with pytest.raises(ResourceNotFoundError):
                await calls.connect_call(room_id="99117812428622880", callback_url="http://127.0.0.1/")
        assert set(credential.scopes) == {"https://communication.azure.com//.default"}

        def run() -> None:
            with SyncRooms(acs.tls_url, LocalCredential(answer["access_token"]), connection_verify=trust) as rooms:
                assert list(rooms.list_rooms())

        await asyncio.to_thread(run)


async def test_other_tokens_open_nothing(ca_file: Path) -> None:
    async with running_acs() as acs:
        expired = (await acs.post("/emulator/tokens", {"lifetime_s": -10}))[1]["access_token"]
        elsewhere = (await acs.post("/emulator/tokens", {"audience": "https://else.example"}))[1]["access_token"]
        of_a_user = (await make_guest(acs)).token
        of_a_callback = TokenIssuer(signing_key(), ISSUER + "x", "https://communication.azure.com").token(60)
        for token in (expired, elsewhere, of_a_user, of_a_callback, "nothing", "a.b.c"):
            async with RoomsClient(
                acs.tls_url, AsyncCredential(token), connection_verify=str(ca_file), retry_total=0
            ) as rooms:
                with pytest.raises(ClientAuthenticationError):
                    await rooms.create_room()


@pytest.mark.parametrize(
    "document", [{"audience": 1}, {"lifetime_s": "long"}, {"lifetime_s": 1e9}, {"roles": [1]}, {"roles": "all"}]
)
async def test_a_token_is_asked_for_properly(document: object) -> None:
    async with running_acs() as acs:
        assert (await acs.post("/emulator/tokens", document))[0] == 400
