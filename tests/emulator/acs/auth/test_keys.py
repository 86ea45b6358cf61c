from __future__ import annotations

import time

import jwt
import pytest

from tests.support.acs_emulator import signing_key


def test_a_token_is_verified_by_the_published_key() -> None:
    key = signing_key()
    token = key.sign({"iss": "me", "exp": int(time.time()) + 60})
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"], header["kid"], header["x5t"]) == ("RS256", "JWT", key.kid, key.kid)
    published = jwt.PyJWKSet.from_dict(key.key_set())[header["kid"]]
    assert jwt.decode(token, published, algorithms=["RS256"])["iss"] == "me"
    assert key.verify(token)["iss"] == "me"


def test_old_altered_and_foreign_tokens_fail() -> None:
    key = signing_key()
    foreign = jwt.encode({"exp": time.time() + 60}, "x" * 40, algorithm="HS256")
    good = key.sign({"exp": int(time.time()) + 60})
    for token in (key.sign({"exp": int(time.time()) - 1}), good[:-8] + "AAAAAAAA", foreign, "a.b.c", ""):
        with pytest.raises(jwt.InvalidTokenError):
            key.verify(token)
