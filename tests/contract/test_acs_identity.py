"""The real identity client against the emulator."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from azure.communication.identity import CommunicationTokenScope
from azure.communication.identity._shared.models import CommunicationUserIdentifier
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.rest import HttpRequest

from emulator.config import RESOURCE_ID
from tests.support.acs_emulator import Acs, running_acs, signing_key
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


def identity_client(acs: Acs) -> CommunicationIdentityClient:
    return CommunicationIdentityClient(acs.url, acs.credential)


async def test_users_come_with_ids_of_the_resource_and_can_go() -> None:
    async with running_acs() as acs, identity_client(acs) as client:
        user = await client.create_user()
        assert user.properties["id"].startswith(f"8:acs:{RESOURCE_ID}_")
        await client.delete_user(user)
        with pytest.raises(ResourceNotFoundError):
            await client.get_token(user, [CommunicationTokenScope.VOIP])


async def test_a_token_carries_the_recorded_claims() -> None:
    async with running_acs() as acs, identity_client(acs) as client:
        user, token = await client.create_user_and_token([CommunicationTokenScope.VOIP], token_expires_in=None)
        claims = signing_key().verify(token.token)
        assert claims["skypeid"] == user.properties["id"].removeprefix("8:")
        assert claims["acsScope"] == "voip"
        assert claims["resourceId"] == RESOURCE_ID
        assert claims["scp"] == 1792
        assert claims["exp"] - claims["iat"] == 1440 * 60
        assert jwt.get_unverified_header(token.token)["alg"] == "RS256"
        assert isinstance(token.expires_on, str)


async def test_tokens_are_issued_again_and_revoked() -> None:
    async with running_acs() as acs, identity_client(acs) as client:
        user = await client.create_user()
        first = await client.get_token(user, [CommunicationTokenScope.VOIP])
        second = await client.get_token(user, [CommunicationTokenScope.VOIP, CommunicationTokenScope.CHAT])
        assert first.token != second.token
        await client.revoke_tokens(user)
        third = await client.get_token(user, [CommunicationTokenScope.VOIP])
        room = "/emulator/rooms/99000000000000000/robots"
        for token, status in ((first, 401), (second, 401), (third, 404)):
            assert (await acs.post(room, {"token": token.token}))[0] == status


@pytest.mark.parametrize(("minutes", "fits"), [(59, False), (60, True), (1440, True), (1441, False)])
async def test_lifetimes_have_bounds(minutes: int, fits: bool) -> None:
    from datetime import timedelta

    async with running_acs() as acs, identity_client(acs) as client:
        user = await client.create_user()
        asked = client.get_token(user, [CommunicationTokenScope.VOIP], token_expires_in=timedelta(minutes=minutes))
        if fits:
            claims = signing_key().verify((await asked).token)
            assert claims["exp"] - claims["iat"] == minutes * 60
            return
        with pytest.raises(HttpResponseError) as refused:
            await asked
        assert refused.value.status_code == 400
        assert error_in(refused.value) == {
            "code": "ValidationError",
            "message": f"ExpiresInMinutes value {minutes} is invalid. Value must be within the [60, 1440] interval.",
            "target": "ExpiresInMinutes",
        }


async def test_a_token_is_for_something() -> None:
    async with running_acs() as acs, identity_client(acs) as client:
        user = await client.create_user()
        with pytest.raises(HttpResponseError) as refused:
            await client.get_token(user, [])
        assert error_in(refused.value) == {
            "code": "ValidationError",
            "message": "Scopes: The Scopes field is required.",
            "target": "Scopes",
        }


@pytest.mark.parametrize("version", ["2025-06-30", "2026-07-22", "2026-09-23"])
async def test_a_user_has_an_id_of_the_callers_own_and_is_shown(version: str) -> None:
    """The Python client has neither: its pipeline signs the requests."""
    async with running_acs() as acs, identity_client(acs) as client:

        async def call(method: str, path: str, **more: Any) -> Any:
            request = HttpRequest(method, f"{acs.url}{path}?api-version={version}", **more)
            # As newer clients send it; the service client of this one is generated, and sends any request.
            answer = await client._identity_service_client._client.send_request(request)
            assert answer.status_code in (200, 201)
            return answer.json()

        made = await call("POST", "/identities", json={"customId": "sally@example", "createTokenWithScopes": ["voip"]})
        again = await call("POST", "/identities", json={"customId": "sally@example"})
        assert again["identity"]["id"] == made["identity"]["id"]
        shown = await call("GET", f"/identities/{made['identity']['id']}")
        assert shown == {
            "id": made["identity"]["id"],
            "customId": "sally@example",
            "lastTokenIssuedAt": made["identity"]["lastTokenIssuedAt"],
        }
        plain = await client.create_user()
        assert await call("GET", f"/identities/{plain.properties['id']}") == {"id": plain.properties["id"]}


def error_in(error: HttpResponseError) -> Any:
    assert error.response is not None
    return json.loads(error.response.text())["error"]


async def test_unknown_users_have_no_tokens() -> None:
    async with running_acs() as acs, identity_client(acs) as client:
        nobody = CommunicationUserIdentifier("8:acs:nobody_0")
        with pytest.raises(ResourceNotFoundError):
            await client.revoke_tokens(nobody)
