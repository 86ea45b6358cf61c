from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from emulator.acs.auth.identity import IdentityStore, TokenRefused
from emulator.acs.wire.errors import AcsError
from tests.support.acs_emulator import signing_key

NOW = datetime.now(UTC)


def store() -> IdentityStore:
    return IdentityStore("resource", signing_key())


def test_a_token_speaks_for_its_user() -> None:
    identities = store()
    user = identities.create_user()
    issued = identities.issue(user, ["voip", "chat"], 60, NOW)
    bearer = identities.check(issued.token)
    assert (bearer.user_id, bearer.scopes) == (user, frozenset({"voip", "chat"}))
    assert issued.expires_on == NOW.replace(microsecond=0) + timedelta(minutes=60)


def test_revoking_spares_tokens_issued_after_even_in_the_same_second() -> None:
    identities = store()
    user, other = identities.create_user(), identities.create_user()
    before, unrelated = identities.issue(user, ["voip"], None, NOW), identities.issue(other, ["voip"], None, NOW)
    identities.revoke(user)
    after = identities.issue(user, ["voip"], None, NOW)
    with pytest.raises(TokenRefused):
        identities.check(before.token)
    assert identities.check(after.token).user_id == user
    assert identities.check(unrelated.token).user_id == other


def test_expired_and_orphaned_tokens_speak_for_nobody() -> None:
    identities = store()
    user = identities.create_user()
    expired = identities.issue(user, ["voip"], 60, NOW - timedelta(hours=2))
    orphan = identities.issue(user, ["voip"], 60, NOW)
    with pytest.raises(TokenRefused):
        identities.check(expired.token)
    identities.delete_user(user)
    with pytest.raises(AcsError):
        identities.body(user)
    with pytest.raises(TokenRefused):
        identities.check(orphan.token)


@pytest.mark.parametrize(
    ("scopes", "minutes"), [([], 60), (["everything"], 60), (["voip"], 59), (["voip"], 1441), (["voip"], 0)]
)
def test_impossible_tokens_are_refused(scopes: list[str], minutes: int) -> None:
    identities = store()
    with pytest.raises(AcsError) as refused:
        identities.issue(identities.create_user(), scopes, minutes, NOW)
    assert refused.value.status == 400


def test_nobody_has_no_tokens() -> None:
    for act in (store().revoke, store().delete_user):
        with pytest.raises(AcsError) as refused:
            act("8:acs:nobody")
        assert refused.value.status == 404
