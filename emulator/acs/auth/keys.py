"""RSA signing keys: sign tokens, verify them, and publish the key set."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.types import Options

from emulator.clock import wall


class SigningKey:
    """An RS256 key and the id under which it is published."""

    def __init__(self, private: RSAPrivateKey) -> None:
        self._private = private
        numbers = private.public_key().public_numbers()
        public = {"e": _base64url(numbers.e), "kty": "RSA", "n": _base64url(numbers.n)}
        # RFC 7638: the digest of exactly these members, in this order.
        digest = hashlib.sha256(json.dumps(public, separators=(",", ":")).encode()).digest()
        self.kid = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        self._jwk = {**public, "use": "sig", "alg": "RS256", "kid": self.kid, "x5t": self.kid}

    @classmethod
    def generate(cls) -> SigningKey:
        """Generate a key. Takes about a tenth of a second of CPU: do not call in the event loop."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a JWT with these claims."""
        headers = {"kid": self.kid, "x5t": self.kid}
        return jwt.encode(dict(claims), self._private, algorithm="RS256", headers=headers)

    def verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that this key signed and that has not expired.

        Raises:
            jwt.InvalidTokenError: another key signed it, or it has expired.
        """
        # Expiry is checked below by the emulator's clock, which need not be the machine's.
        judged_here: Options = {
            "verify_aud": False,
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
        }
        claims: dict[str, Any] = jwt.decode(
            token, self._private.public_key(), algorithms=["RS256"], options=judged_here
        )
        if claims.get("exp", math.inf) <= wall():
            raise jwt.ExpiredSignatureError("Signature has expired")
        return claims

    def key_set(self) -> dict[str, Any]:
        """Return the JWKS document."""
        return {"keys": [dict(self._jwk)]}

    def public_pem(self) -> bytes:
        """Return the public key, PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._private.public_key().public_bytes(serialization.Encoding.PEM, form)


class KeyRing:
    """The current signing key and the keys still published.

    Attributes:
        current: the key that signs.
    """

    def __init__(self, key: SigningKey) -> None:
        self.current = key
        self._published = [key]

    def rotate(self, key: SigningKey, *, keep_old: bool) -> None:
        """Sign with another key from now on. `keep_old` keeps the last three keys published."""
        self.current = key
        self._published = [key, *self._published[:3]] if keep_old else [key]

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a JWT with these claims."""
        return self.current.sign(claims)

    def public_pem(self) -> bytes:
        """Return the public half of the current key, PEM."""
        return self.current.public_pem()

    def verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token signed with a key that is still published.

        Raises:
            jwt.InvalidTokenError: no published key signed it, or it has expired.
        """
        kid = jwt.get_unverified_header(token).get("kid")
        for key in self._published:
            if key.kid == kid:
                return key.verify(token)
        raise jwt.InvalidTokenError("the key is not published")

    def key_set(self) -> dict[str, Any]:
        """Return the JWKS document."""
        return {"keys": [entry for key in self._published for entry in key.key_set()["keys"]]}


def _base64url(number: int) -> str:
    length = (number.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(number.to_bytes(length, "big")).rstrip(b"=").decode()
