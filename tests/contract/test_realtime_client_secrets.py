"""The vendor's own client asks for client secrets and models, and opens sessions with the secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError
from websockets.exceptions import InvalidStatus

from tests.support.realtime_client import KEY, LOOPBACK, MODEL, Service, realtime_service

SESSION: Any = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Be brief.", "audio": None}


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with realtime_service() as running:
        yield running


def openai(service: Service, key: str = KEY) -> AsyncOpenAI:
    """A client of OpenAI's own path, where browsers use these secrets."""
    return AsyncOpenAI(base_url=f"http://127.0.0.1:{service.port}/v1", api_key=key, max_retries=0)


async def test_a_secret_opens_any_number_of_sessions_of_its_configuration(service: Service) -> None:
    async with openai(service) as client:
        secret = await client.realtime.client_secrets.create(
            session=SESSION, expires_after={"anchor": "created_at", "seconds": 60}
        )
    assert secret.value.startswith("ek_")
    assert secret.session.type == "realtime"
    assert (secret.session.model, secret.session.instructions) == ("gpt-realtime-2.1", "Be brief.")
    for _ in range(2):
        async with (
            openai(service, secret.value) as browser,
            browser.realtime.connect(model="gpt-realtime-2.1", websocket_connection_options=LOOPBACK) as connection,
        ):
            created: Any = await connection.recv()
            assert created.type == "session.created"
            assert created.session.instructions == "Be brief."
    assert secret.value not in str(service.journal.entries())


async def test_a_secret_of_a_transcription(service: Service) -> None:
    async with openai(service) as client:
        secret = await client.realtime.client_secrets.create(
            session={"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}
        )
    async with (
        openai(service, secret.value) as browser,
        browser.realtime.connect(websocket_connection_options=LOOPBACK) as connection,
    ):
        created: Any = await connection.recv()
        assert created.session.type == "transcription"
        assert created.session.audio.input.transcription.model == "gpt-transcribe"


async def test_a_secret_of_a_translation_opens_translations_alone(service: Service) -> None:
    async with openai(service) as client:
        answer: Any = await client.post(
            "/realtime/translations/client_secrets",
            body={"session": {"model": "gpt-realtime-translate", "audio": {"output": {"language": "fr"}}}},
            cast_to=object,
        )
    async with service.client() as client:
        with pytest.raises(NotFoundError):  # as captured on Azure
            await client.post("/realtime/translations/client_secrets", body={}, cast_to=object)
    async with openai(service, answer["value"]) as browser:
        manager = browser.realtime.translations.connect(
            model="gpt-realtime-translate", websocket_connection_options=LOOPBACK
        )
        async with manager as connection:
            created: Any = await connection.recv()
            assert created.session.audio.output.language == "fr"
        with pytest.raises(InvalidStatus):
            async with browser.realtime.connect(model=MODEL, websocket_connection_options=LOOPBACK):
                pass


@pytest.mark.parametrize(
    ("request_body", "param"),
    [
        ({"session": {"type": "realtime", "temperature": 1}}, "session.temperature"),
        ({"session": {"type": ["realtime"]}}, "session.type"),
        ({"session": {}}, "session.type"),
        ({"expires_after": {"seconds": 5}}, "expires_after.seconds"),
        ({"lifetime": 5}, "lifetime"),
    ],
)
async def test_bad_requests_are_refused_as_updates_are(service: Service, request_body: Any, param: str) -> None:
    async with openai(service) as client:
        with pytest.raises(BadRequestError) as caught:
            await client.post("/realtime/client_secrets", body=request_body, cast_to=object)
    assert caught.value.param == param


async def test_a_secret_makes_no_secrets_and_a_wrong_key_nothing(service: Service) -> None:
    async with openai(service) as client:
        secret = await client.realtime.client_secrets.create()
    for key in (secret.value, "wrong"):
        async with openai(service, key) as client:
            with pytest.raises(AuthenticationError):
                await client.realtime.client_secrets.create()
            with pytest.raises(AuthenticationError):
                await client.models.list()


async def test_models_are_the_deployments_where_these_are_listed(service: Service) -> None:
    async with openai(service) as client:
        assert "gpt-realtime-2.1" in [model.id async for model in client.models.list()]
    async with realtime_service(deployments=["talk", "live=translation"]) as listed, openai(listed) as client:
        assert [model.id async for model in client.models.list()] == ["live", "talk"]
