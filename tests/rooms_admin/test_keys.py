"""Named keys: who has one, and who has not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from rooms_admin.errors import NotAuthorized
from rooms_admin.keys import ApiKeys, Caller


@dataclass
class Request:
    headers: dict[str, str] = field(default_factory=dict)


async def test_a_key_tells_who_asks() -> None:
    keys = ApiKeys({"ops": "one", "backend": "two"})
    assert await keys(Request({"x-api-key": "two"})) == Caller("backend")
    assert keys.caller("one") == Caller("ops")


@pytest.mark.parametrize("key", [None, "", "three", "one ", "ONE", "o" * 100_000, "\u20ac"])
def test_another_key_tells_nobody(key: str | None) -> None:
    with pytest.raises(NotAuthorized) as caught:
        ApiKeys({"ops": "one"}).caller(key)
    assert caught.value.status == 401


def test_a_key_may_have_any_letters() -> None:
    """A server hands headers over as Latin-1, whatever the client meant."""
    as_received = "schlüssel€".encode().decode("latin-1")
    assert ApiKeys({"ops": "schlüssel€"}).caller(as_received) == Caller("ops")


def test_without_keys_nobody_is_let_in() -> None:
    with pytest.raises(NotAuthorized):
        ApiKeys({}).caller("anything")


@pytest.mark.parametrize("keys", [{"ops": ""}, {"": "key"}])
def test_an_empty_name_or_key_is_a_mistake(keys: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs a name and a value"):
        ApiKeys(keys)


def test_keys_are_not_kept_in_clear() -> None:
    keys = ApiKeys({"ops": "very-secret"})
    assert "very-secret" not in repr(vars(keys))
