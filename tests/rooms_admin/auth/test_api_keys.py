"""Named keys: who has one, and who has not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import pytest

from http_serving.errors import Forbidden, Unauthorized
from rooms_admin.auth.api_keys import EVERY_ROLE, AdminRole, Admins, ApiKeys, Caller, ClaimsOfToken, caller_of


@dataclass
class Request:
    headers: dict[str, str] = field(default_factory=dict)


async def test_a_key_tells_who_asks() -> None:
    keys = ApiKeys({"ops": "one", "backend": "two"})
    assert await keys(Request({"x-api-key": "two"})) == Caller("backend")
    assert keys.caller("one") == Caller("ops")


@pytest.mark.parametrize("key", [None, "", "three", "one ", "ONE", "o" * 100_000, "\u20ac"])
def test_another_key_tells_nobody(key: str | None) -> None:
    with pytest.raises(Unauthorized) as caught:
        ApiKeys({"ops": "one"}).caller(key)
    assert caught.value.status == 401


def test_a_key_may_have_any_letters() -> None:
    """A server hands headers over as Latin-1, whatever the client meant."""
    as_received = "schlüssel€".encode().decode("latin-1")
    assert ApiKeys({"ops": "schlüssel€"}).caller(as_received) == Caller("ops")


def test_without_keys_nobody_is_let_in() -> None:
    with pytest.raises(Unauthorized):
        ApiKeys({}).caller("anything")


@pytest.mark.parametrize("keys", [{"ops": ""}, {"": "key"}])
def test_an_empty_name_or_key_is_a_mistake(keys: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs a (name|value)"):
        ApiKeys(keys)


def test_keys_are_not_kept_in_clear() -> None:
    keys = ApiKeys({"ops": "very-secret"})
    assert "very-secret" not in repr(vars(keys))


def test_a_key_of_which_only_the_digest_is_known() -> None:
    digest = hashlib.sha256(b"s3cret").hexdigest()
    keys = ApiKeys({"ops": f"sha256${digest}"})
    assert keys.caller("s3cret").name == "ops"
    for wrong in (f"sha256${digest}", digest):
        with pytest.raises(Unauthorized):
            keys.caller(wrong)


@pytest.mark.parametrize("digest", ["", "abc", "zz" * 32, "ab" * 31])
def test_what_is_no_digest_is_a_mistake(digest: str) -> None:
    with pytest.raises(ValueError):
        ApiKeys({"ops": f"sha256${digest}"})


@pytest.mark.parametrize(
    ("roles", "allowed"),
    [
        (set(), set()),
        ({"Rooms.Read"}, {"Rooms.Read"}),
        ({"Rooms.Manage"}, {"Rooms.Read", "Rooms.Manage"}),
        ({"Interpreter.Control"}, {"Rooms.Read", "Interpreter.Control"}),
        (EVERY_ROLE, EVERY_ROLE),
    ],
)
def test_what_a_role_allows(roles: set[AdminRole], allowed: set[AdminRole]) -> None:
    caller = Caller("ops", frozenset(roles))
    for role in EVERY_ROLE:
        if role in allowed:
            caller.check(role)
        else:
            with pytest.raises(Forbidden, match=role):
                caller.check(role)


async def verified(header: str) -> ClaimsOfToken:
    if header != "Bearer good":
        raise Unauthorized("no")
    return {"azp": "app-1", "sub": "s", "roles": ["Rooms.Read", "Something.Else"]}


async def test_a_key_or_a_token_proves_who_asks() -> None:
    admins = Admins(ApiKeys({"ops": "s3cret"}), verified)
    assert await admins(Request({"x-api-key": "s3cret"})) == Caller("ops")
    assert await admins(Request({"authorization": "Bearer good"})) == Caller("entra:app-1", frozenset({"Rooms.Read"}))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer bad"},
        {"x-api-key": "wrong", "authorization": "Bearer good"},
        {"x-api-key": "", "authorization": "Bearer good"},
        {"authorization": ""},
    ],
)
async def test_a_wrong_proof_is_not_made_good_by_another(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        await Admins(ApiKeys({"ops": "s3cret"}), verified)(Request(headers))


async def test_without_a_verifier_a_token_proves_nothing() -> None:
    with pytest.raises(Unauthorized):
        await Admins(ApiKeys({"ops": "s3cret"}))(Request({"authorization": "Bearer good"}))


async def test_without_keys_only_a_token_does() -> None:
    admins = Admins(ApiKeys({}), verified)
    assert (await admins(Request({"authorization": "Bearer good"}))).name == "entra:app-1"
    with pytest.raises(Unauthorized):
        await admins(Request({"x-api-key": "s3cret"}))


@pytest.mark.parametrize(
    ("claims", "roles"),
    [({"sub": "a"}, set()), ({"sub": "a", "roles": "Rooms.Manage"}, set()), ({"sub": "a", "roles": [1, None]}, set())],
)
def test_roles_that_are_none(claims: ClaimsOfToken, roles: set[AdminRole]) -> None:
    assert caller_of(claims) == Caller("entra:a", frozenset(roles))


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"azp": 5}])
def test_a_token_of_nobody(claims: ClaimsOfToken) -> None:
    with pytest.raises(Unauthorized):
        caller_of(claims)
