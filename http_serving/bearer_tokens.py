"""Verifies JWTs signed by ACS or Entra: signature, issuer, audience, expiry. Knows no route.

A callback carries a token valid for five minutes, a media socket one valid for 24 hours. The key set is fetched over
HTTP and cached; a token with an unknown key id triggers another fetch, which picks up rotated keys.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from http_serving.errors import KeysUnavailable, TokenProblem, TokenRejected

logger = logging.getLogger(__name__)

LEEWAY_S = 60.0
"""Tolerated difference between the clocks of two services, in seconds: a fifth of the life of a callback token."""
LONGEST_TOKEN = 16 * 1024
"""Characters. An Entra token with many roles has some 3,000."""
REFRESH_INTERVAL_S = 30.0
"""Minimum interval of fetches for unknown key ids, in seconds, so that forged tokens cannot flood the issuer."""
RETRY_INTERVAL_S = 2.0
"""Minimum interval after a failed fetch, in seconds, and after a few for unknown key ids: until a fetch succeeds,
genuine callbacks are rejected."""
QUICK_REFRESHES = 3
"""Fetches for unknown key ids at the shorter interval, after `REFRESH_INTERVAL_S` without any: the issuer may sign with
a new key just after a fetch."""
ATTEMPTS = 3
"""Fetches that a request waits for while they fail: with the pauses, 4 s and the time they take."""
MAX_AGE_S = 6 * 3600.0
"""Maximum age of the cached key set, in seconds: revoked keys are dropped by then."""
FETCH_TIMEOUT_S = 5.0
LARGEST_KEY_SET = 256 * 1024
"""Bytes. A real key set has 2 to 10 KiB."""
MOST_KEYS = 100
SMALLEST_RSA_BITS = 2048
"""RFC 7518, section 3.3."""

EVENT_GRID_APP = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
"""Application id of Microsoft.EventGrid in the public cloud (secure webhook delivery, Microsoft Learn)."""
EVENT_GRID_ROLE = "AzureEventGridSecureWebhookSubscriber"
"""App role of secure delivery; granted to Event Grid, and to administrators who subscribe the webhook."""

Fetch = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """Claims of a valid token; `all` holds every claim, such as roles."""

    issuer: str
    subject: str | None
    expires_at: int
    """Seconds since the Unix epoch."""
    all: Mapping[str, Any]


class KeySource(Protocol):
    """Source of public keys."""

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """Return the key with this id, or None if there is none; `KeysUnavailable` while no key set is known."""


class TokenVerifier:
    """Accepts RS256 tokens of one issuer for one audience. Callable, so that it can be passed to routes."""

    def __init__(self, issuer: str, audience: str, jwks: KeySource, leeway_s: float = LEEWAY_S) -> None:
        if not issuer or not audience:
            raise ValueError("issuer and audience must not be empty, or any token would be accepted")
        self._issuer = issuer
        self._audience = audience
        self._jwks = jwks
        self._leeway_s = leeway_s

    async def __call__(self, authorization_header: str | None) -> TokenClaims:
        return await self.verify(authorization_header)

    async def verify(self, authorization_header: str | None) -> TokenClaims:
        """Return the claims of the header `Bearer <token>`. Safe to cancel.

        Raises:
            TokenRejected: with the reason.
            KeysUnavailable: no key set has been fetched yet.
        """
        token = _bearer(authorization_header)
        key = await self._jwks.key(_key_id(token))
        if key is None:
            raise TokenRejected("unknown key")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway_s,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            raise TokenRejected(_reason(error)) from error
        subject = claims.get("sub")
        return TokenClaims(claims["iss"], subject if isinstance(subject, str) else None, int(claims["exp"]), claims)


def event_grid_only(
    verify: Callable[[str | None], Awaitable[TokenClaims]],
) -> Callable[[str | None], Awaitable[TokenClaims]]:
    """Restrict a verifier to tokens that only Event Grid can obtain.

    Issuer and audience are not sufficient: any application of the tenant can request a token for our audience. It
    cannot choose its application id (`appid` in tokens of version 1, `azp` in version 2), and the role is granted by an
    administrator of the tenant. Either is sufficient: Event Grid has other ids in other clouds.
    """

    async def verify_event_grid(authorization: str | None) -> TokenClaims:
        claims = await verify(authorization)
        roles = claims.all.get("roles")
        if EVENT_GRID_APP in (claims.all.get("appid"), claims.all.get("azp")):
            return claims
        if isinstance(roles, list) and EVENT_GRID_ROLE in roles:
            return claims
        raise TokenRejected("application")

    return verify_event_grid


def _bearer(header: str | None) -> str:
    if not header:
        raise TokenRejected("missing")
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise TokenRejected("malformed")
    return token


def _key_id(token: str) -> str:
    """Return the id of the signing key; a wrong algorithm is rejected before any key is looked up."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise TokenRejected("malformed") from error
    if header.get("alg") != "RS256":
        raise TokenRejected("algorithm")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise TokenRejected("malformed")
    return kid


_CLAIM_REASONS: dict[str, TokenProblem] = {"iss": "issuer", "aud": "audience", "exp": "expired"}


def _reason(error: jwt.InvalidTokenError) -> TokenProblem:
    match error:
        case jwt.ExpiredSignatureError():
            return "expired"
        case jwt.ImmatureSignatureError():
            return "not yet valid"
        case jwt.InvalidIssuerError():
            return "issuer"
        case jwt.InvalidAudienceError():
            return "audience"
        case jwt.MissingRequiredClaimError():
            return _CLAIM_REASONS.get(error.claim, "malformed")
        case jwt.InvalidSignatureError():
            return "signature"
        case _:
            return "malformed"


class KeySet:
    """A cached JSON Web Key Set. Keeps the known keys when a fetch fails.

    Args:
        fetch: reads the key set, `fetch_over_http(url)` outside tests; any `OSError`, `ValueError`,
            `TimeoutError` or `aiohttp.ClientError` it raises counts as a failed fetch.
        clock: seconds, monotonic.
        pause: waits for seconds of the same clock.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        refresh_interval_s: float = REFRESH_INTERVAL_S,
        retry_interval_s: float = RETRY_INTERVAL_S,
        max_age_s: float = MAX_AGE_S,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._fetch = fetch
        self._refresh_interval_s = refresh_interval_s
        self._retry_interval_s = retry_interval_s
        self._max_age_s = max_age_s
        self._clock = clock
        self._pause = pause
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._next_fetch_at = clock()
        self._quick = QUICK_REFRESHES
        self._failed = False
        """Whether the last fetch failed."""
        self._fetching = asyncio.Lock()

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """Return the key with this id; fetch the set if the key is unknown or the set too old. Safe to cancel.

        An unknown key is asked for a few times while fetches fail.

        Raises:
            KeysUnavailable: the set has never been fetched.
        """
        known = self._keys.get(kid)
        if known is None or (self._is_old() and not self._fetching.locked()):
            for attempt in range(ATTEMPTS):
                if attempt:
                    await self._pause(max(0.0, self._next_fetch_at - self._clock()))
                await self._refresh(kid)
                known = self._keys.get(kid)
                if known is not None or not self._failed:
                    break
        if self._fetched_at is None:
            raise KeysUnavailable(
                "the issuer's keys could not be fetched", retry_after_ms=round(self._retry_interval_s * 1000)
            )
        return known

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at > self._max_age_s

    async def _refresh(self, kid: str) -> None:
        async with self._fetching:
            # Another task may have fetched the key while this one waited for the lock.
            if (kid in self._keys and not self._is_old()) or self._clock() < self._next_fetch_at:
                return
            # Set before the fetch, as for a failure: a cancelled fetch must not be repeated at once either.
            if self._fetched_at is not None and self._clock() - self._fetched_at >= self._refresh_interval_s:
                self._quick = QUICK_REFRESHES
            self._next_fetch_at = self._clock() + self._retry_interval_s
            self._failed = True
            try:
                async with asyncio.timeout(FETCH_TIMEOUT_S):
                    keys = read_keys(await self._fetch())
            except (OSError, ValueError, aiohttp.ClientError) as error:
                logger.warning("key set fetch failed", extra={"reason": type(error).__name__})
                return
            self._keys = keys
            self._fetched_at, self._failed = self._clock(), False
            interval_s = self._retry_interval_s if self._quick > 0 else self._refresh_interval_s
            self._next_fetch_at, self._quick = self._fetched_at + interval_s, self._quick - 1
            logger.info("key set fetched", extra={"keys": len(keys)})


def read_keys(body: bytes) -> dict[str, jwt.PyJWK]:
    """Return the usable RSA signing keys by id; `ValueError` if there are none, so that the known ones are kept."""
    parsed = orjson.loads(body)
    listed = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a key set")
    keys = {}
    for one in listed[:MOST_KEYS]:
        if not isinstance(one, dict) or one.get("kty") != "RSA" or one.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(one, algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue  # an unusable key does not affect the others
        public = key.key
        if key.key_id and isinstance(public, RSAPublicKey) and public.key_size >= SMALLEST_RSA_BITS:
            keys[key.key_id] = key
    if not keys:
        raise ValueError("the key set has no usable key")
    return keys


def fetch_over_http(url: str) -> Fetch:
    """Return a function that fetches this address, limited in size and without following redirects.

    It opens a session per fetch: fetches are rare, and nothing stays open between them.
    """

    async def fetch() -> bytes:
        timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise ValueError(f"the key set answers {response.status}")
            body = await response.content.read(LARGEST_KEY_SET + 1)
            while not response.content.at_eof() and len(body) <= LARGEST_KEY_SET:
                body += await response.content.read(LARGEST_KEY_SET + 1 - len(body))
            if len(body) > LARGEST_KEY_SET:
                raise ValueError("the key set is too large")
            return body

    return fetch
