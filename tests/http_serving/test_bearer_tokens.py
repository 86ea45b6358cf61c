"""Who is believed: every way a token can be wrong, and how the key set is kept."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from http_serving.bearer_tokens import LARGEST_KEY_SET, KeySet, TokenVerifier, fetch_over_http
from http_serving.errors import KeysUnavailable, TokenRejected

DAY_S = 86_400
"""Claims of a table are written down when tests are collected, and judged whenever their turn comes."""
ISSUER = "https://acscallautomation.communication.azure.com"
AUDIENCE = "1f5b6a4e-0000-4000-8000-0000000000aa"
KEYS = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("one", "two")}


def jwk(name: str, key: rsa.RSAPrivateKey | None = None, **more: Any) -> dict[str, Any]:
    public = (key or KEYS[name]).public_key()
    entry: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(public))
    return entry | {"kid": name, "use": "sig"} | more


def key_set(*entries: Any) -> bytes:
    return json.dumps({"keys": list(entries)}).encode()


def sign(kid: str | None = "one", key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
    """A good token, but for what is said; a claim of None is left out."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 300, "sub": "acs"} | claims
    headers = {"kid": kid} if kid is not None else {}
    payload = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(payload, key or KEYS[kid or "one"], algorithm, headers=headers)


class Issuer:
    """A key set that can be rotated, fail, hang, and counts how often it is asked."""

    def __init__(self, *entries: Any) -> None:
        self.body = key_set(*entries)
        self.error: Exception | None = None
        self.fetches = 0
        self.gate: asyncio.Event | None = None
        self.fails = 0
        """Fetches that fail from now on."""
        self.now = 1000.0

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    async def fetch(self) -> bytes:
        self.fetches += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        if self.fails:
            self.fails -= 1
            raise ValueError("the key set answers 503")
        return self.body

    def keys(self) -> KeySet:
        return KeySet(self.fetch, clock=lambda: self.now, pause=self.pause)

    def verifier(self) -> TokenVerifier:
        return TokenVerifier(ISSUER, AUDIENCE, self.keys())


async def rejection(token: str | None, issuer: Issuer | None = None) -> str:
    issuer = issuer or Issuer(jwk("one"))
    with pytest.raises(TokenRejected) as caught:
        await issuer.verifier().verify(token)
    assert caught.value.status == 401
    return caught.value.reason


# --- tokens --------------------------------------------------------------------------------------


async def test_a_good_token_is_believed() -> None:
    token = sign(exp=4_000_000_000, role="x")
    claims = await Issuer(jwk("one")).verifier()(f"Bearer {token}")
    assert (claims.issuer, claims.subject, claims.expires_at) == (ISSUER, "acs", 4_000_000_000)
    assert claims.all["role"] == "x"


async def test_the_scheme_is_read_in_any_case() -> None:
    assert (await Issuer(jwk("one")).verifier().verify(f"bearer  {sign(sub=None)} ")).subject is None


@pytest.mark.parametrize("header", [None, ""])
async def test_no_token(header: str | None) -> None:
    assert await rejection(header) == "missing"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer not.a.token",
        "Bearer " + "x" * 20_000,
        f"Bearer {sign()[:-20].rsplit('.', 1)[0]}",
        f"Bearer {sign(kid=None)}",
        f"Bearer {sign(exp='tomorrow')}",
    ],
)
async def test_a_header_that_holds_no_token_of_ours(header: str) -> None:
    assert await rejection(header) == "malformed"


async def test_other_algorithms_are_refused_before_a_key_is_asked_for() -> None:
    issuer = Issuer(jwk("one"))
    unsigned = jwt.encode({"iss": ISSUER, "aud": AUDIENCE}, "", "none", headers={"kid": "one"})
    secret = sign(key="s" * 32, algorithm="HS256")
    elliptic = sign(key=ec.generate_private_key(ec.SECP256R1()), algorithm="ES256")
    for token in (unsigned, secret, elliptic, sign(algorithm="RS512")):
        assert await rejection(f"Bearer {token}", issuer) == "algorithm"
    assert issuer.fetches == 0


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://elsewhere.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "somebody-else"}, "audience"),
        ({"aud": None}, "audience"),
        ({"exp": int(time.time()) - 61}, "expired"),
        ({"exp": None}, "expired"),
        ({"nbf": int(time.time()) + DAY_S}, "not yet valid"),
        ({"iat": int(time.time()) + DAY_S}, "not yet valid"),
    ],
)
async def test_claims_that_do_not_fit(claims: dict[str, Any], reason: str) -> None:
    assert await rejection(f"Bearer {sign(**claims)}") == reason


async def test_clocks_may_differ_by_a_minute() -> None:
    verifier = Issuer(jwk("one")).verifier()
    now = int(time.time())
    await verifier.verify(f"Bearer {sign(exp=now - 50)}")
    await verifier.verify(f"Bearer {sign(nbf=now + 50)}")


async def test_one_of_several_audiences_is_enough() -> None:
    claims = await Issuer(jwk("one")).verifier().verify(f"Bearer {sign(aud=['other', AUDIENCE])}")
    assert claims.all["aud"] == ["other", AUDIENCE]


async def test_a_signature_by_another_key() -> None:
    assert await rejection(f"Bearer {sign(key=KEYS['two'])}") == "signature"


async def test_a_changed_payload() -> None:
    head, payload, signature = sign().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "me"}).encode()).decode().rstrip("=")
    assert await rejection(f"Bearer {head}.{forged}.{signature}") == "signature"


async def test_a_key_nobody_knows() -> None:
    assert await rejection(f"Bearer {sign('two')}") == "unknown key"


@pytest.mark.parametrize(("issuer", "audience"), [("", AUDIENCE), (ISSUER, "")])
def test_a_verifier_without_issuer_or_audience_is_no_verifier(issuer: str, audience: str) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        TokenVerifier(issuer, audience, Issuer().keys())


# --- key set -------------------------------------------------------------------------------------


async def test_the_key_set_is_fetched_once_however_many_ask() -> None:
    issuer = Issuer(jwk("one"))
    issuer.gate = asyncio.Event()
    verifier = issuer.verifier()
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(verifier.verify(f"Bearer {sign()}"))
        await asyncio.sleep(0)
        issuer.gate.set()
    await verifier.verify(f"Bearer {sign()}")
    assert issuer.fetches == 1


async def test_a_rotated_key_is_found() -> None:
    issuer = Issuer(jwk("one"))
    verifier = issuer.verifier()
    await verifier.verify(f"Bearer {sign('one')}")
    issuer.body = key_set(jwk("two"))
    issuer.now += 31
    await verifier.verify(f"Bearer {sign('two')}")
    assert issuer.fetches == 2
    with pytest.raises(TokenRejected, match="unknown key"):
        await verifier.verify(f"Bearer {sign('one')}")


async def test_made_up_keys_do_not_make_us_ask_again_and_again() -> None:
    issuer = Issuer(jwk("one"))
    keys = issuer.keys()
    for number in range(100):
        assert await keys.key(f"made-up-{number}") is None
        issuer.now += 0.5
    assert issuer.fetches == 8  # at 0, 2, 4, 6, 36, 38, 40 and 42 s


async def test_a_new_signing_key_is_found_whenever_the_set_was_last_fetched() -> None:
    issuer = Issuer(jwk("one"))
    verifier = issuer.verifier()
    await verifier.verify(f"Bearer {sign('one')}")
    issuer.now += 2
    with pytest.raises(TokenRejected, match="unknown key"):  # signed with it before it is published
        await verifier.verify(f"Bearer {sign('two')}")
    issuer.body = key_set(jwk("one"), jwk("two"))
    issuer.now += 2
    await verifier.verify(f"Bearer {sign('two')}")


@pytest.mark.parametrize("known", [True, False])
async def test_a_key_set_that_fails_for_a_while_is_asked_again_while_the_sender_waits(known: bool) -> None:
    issuer = Issuer(jwk("one"))
    verifier = issuer.verifier()
    if known:
        await verifier.verify(f"Bearer {sign('one')}")
        issuer.now += 60
    began, before = issuer.now, issuer.fetches
    issuer.body, issuer.fails = key_set(jwk("two")), 2
    await verifier.verify(f"Bearer {sign('two')}")
    assert (issuer.now - began, issuer.fetches - before) == (4.0, 3)


async def test_a_failed_fetch_keeps_the_old_keys() -> None:
    issuer = Issuer(jwk("one"))
    verifier = issuer.verifier()
    await verifier.verify(f"Bearer {sign()}")
    for error in (OSError("no route"), aiohttp.ClientConnectionError(), TimeoutError(), ValueError("500")):
        issuer.error = error
        issuer.now += 3600 * 24
        await verifier.verify(f"Bearer {sign()}")
    assert issuer.fetches == 5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"keys": 5}',
        key_set(),
        key_set("no key", {"kty": "RSA", "kid": "x", "n": "?", "e": "AQAB"}, {"kty": "oct", "k": "AA"}),
        key_set(jwk("one", use="enc")),
        key_set(jwk("one", kid="")),
    ],
)
async def test_a_useless_key_set_keeps_the_old_keys(body: bytes) -> None:
    issuer = Issuer(jwk("one"))
    verifier = issuer.verifier()
    await verifier.verify(f"Bearer {sign()}")
    issuer.body = body
    issuer.now += 3600 * 24
    await verifier.verify(f"Bearer {sign()}")
    assert issuer.fetches == 2


async def test_weak_keys_are_not_used() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    keys = Issuer(jwk("weak", weak), jwk("one")).keys()
    assert await keys.key("weak") is None
    assert await keys.key("one") is not None


async def test_withdrawn_keys_disappear_when_the_set_is_old() -> None:
    issuer = Issuer(jwk("one"), jwk("two"))
    keys = issuer.keys()
    assert await keys.key("two") is not None
    issuer.body = key_set(jwk("one"))
    issuer.now += 3600
    assert await keys.key("two") is not None  # not old enough to ask
    issuer.now += 6 * 3600
    assert await keys.key("two") is None


async def test_who_finds_the_set_old_while_it_is_fetched_does_not_wait() -> None:
    issuer = Issuer(jwk("one"))
    keys = issuer.keys()
    await keys.key("one")
    issuer.now += 24 * 3600
    issuer.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(keys.key("one"))
        await asyncio.sleep(0)
        assert await keys.key("one") is not None
        assert not first.done()
        issuer.gate.set()


async def test_without_any_key_set_nothing_can_be_said() -> None:
    """Not a rejection: the sender may be genuine and should come again."""
    issuer = Issuer()
    issuer.error = OSError("no route")
    verifier = issuer.verifier()
    for _ in range(3):
        with pytest.raises(KeysUnavailable) as caught:
            await verifier.verify(f"Bearer {sign()}")
        assert (caught.value.status, caught.value.retry_after_ms) == (503, 2000)
    assert (issuer.fetches, issuer.now) == (7, 1012.0), "every 2 s"
    issuer.error, issuer.body = None, key_set(jwk("one"))
    issuer.now += 2
    await verifier.verify(f"Bearer {sign()}")


async def test_a_cancelled_fetch_leaves_the_set_usable() -> None:
    issuer = Issuer(jwk("one"))
    issuer.gate = asyncio.Event()
    keys = issuer.keys()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await keys.key("one")
    issuer.gate.set()
    issuer.now += 2
    assert await keys.key("one") is not None


# --- over HTTP -----------------------------------------------------------------------------------


@asynccontextmanager
async def serving(answer: Callable[[], web.StreamResponse]) -> AsyncIterator[str]:
    async def handle(_: web.Request) -> web.StreamResponse:
        return answer()

    app = web.Application()
    app.router.add_get("/keys", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    finally:
        await runner.cleanup()


async def test_the_key_set_is_read_over_http() -> None:
    body = key_set(jwk("one"), *({"padding": "x" * 50_000} for _ in range(3)))
    async with serving(lambda: web.Response(body=body)) as url:
        verifier = TokenVerifier(ISSUER, AUDIENCE, KeySet(fetch_over_http(url)))
        await verifier.verify(f"Bearer {sign()}")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: web.Response(status=500), "500"),
        (lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), "302"),
        (lambda: web.Response(body=b" " * (LARGEST_KEY_SET + 1)), "too large"),
    ],
)
async def test_an_answer_that_is_no_key_set(answer: Callable[[], web.StreamResponse], reason: str) -> None:
    async with serving(answer) as url:
        with pytest.raises(ValueError, match=reason):
            await fetch_over_http(url)()
