"""How the store is opened: with the password of its URL, or with tokens of the managed identity."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from azure.core.credentials import AccessToken
from pydantic import SecretStr

from bot import resources
from bot.config import Settings
from bot.resources import REDIS_TOKEN_SCOPE, by_identity, opened_storage
from storage.redis import GetPassword, Password


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://127.0.0.1:6379", False),
        ("redis://:password@redis", False),
        ("rediss://user:password@contoso.redis.azure.net:10000/0", False),
        ("rediss://object-id@contoso.redis.azure.net:10000/0", True),
    ],
)
def test_a_user_without_a_password_is_the_managed_identity(url: str, expected: bool) -> None:
    assert by_identity(url) is expected


class Identity:
    """A credential that counts what it is asked for."""

    def __init__(self) -> None:
        self.scopes: list[str] = []
        self.closed = False

    async def __aenter__(self) -> Identity:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed = True

    async def get_token(self, scope: str) -> AccessToken:
        self.scopes.append(scope)
        return AccessToken("the-token", 1_000)


@pytest.mark.parametrize("url", [None, "rediss://user:password@host/0", "rediss://object-id@host/0"])
async def test_tokens_are_asked_for_only_then(monkeypatch: pytest.MonkeyPatch, url: str | None) -> None:
    identity, given = Identity(), list[GetPassword | None]()

    @asynccontextmanager
    async def open_stores(path: str, redis_url: str | None, password: GetPassword | None) -> AsyncIterator[str]:
        assert (path, redis_url) == ("data/file", url)
        given.append(password)
        yield "stores"

    monkeypatch.setattr(resources, "DefaultAzureCredential", lambda: identity)
    monkeypatch.setattr(resources, "open_stores", open_stores)
    settings = SimpleNamespace(database_path="data/file", redis_url=None if url is None else SecretStr(url))
    async with opened_storage(settings) as stores:  # type: ignore[arg-type]  # as much of the settings as is read
        assert str(stores) == "stores"
        (password,) = given
        if url is None or not by_identity(url):
            assert password is None
        else:
            assert password is not None
            assert await password() == Password("the-token", 1_000)
            assert identity.scopes == [REDIS_TOKEN_SCOPE]
            assert not identity.closed
    assert identity.closed is (password is not None)


def test_the_settings_are_those_of_the_service() -> None:
    assert {"database_path", "redis_url"} <= set(Settings.model_fields)
