"""Forges tokens from valid ones, to test that a bot rejects them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from emulator.faults import TokenFlaw


def forged(token: str, other: str, flaw: TokenFlaw, public_key: bytes) -> str:
    """Return a token with a flaw in its header or signature.

    Args:
        token: a valid token.
        other: a valid token with other claims.
        public_key: PEM; the HMAC key that a verifier uses if it takes the algorithm from the token.
    """
    header, payload, signature = token.split(".")
    match flaw:
        case "wrong_key":
            return f"{header}.{payload}.{other.split('.')[2]}"
        case "unknown_key":
            return f"{_header(header, kid='a-key-nobody-published')}.{payload}.{signature}"
        case "unsigned":
            return f"{_header(header, alg='none')}.{payload}."
        case "hmac":
            signed = f"{_header(header, alg='HS256')}.{payload}"
            return f"{signed}.{_base64url(hmac.new(public_key, signed.encode(), hashlib.sha256).digest())}"
        case "garbage":
            return "this.is.nothing"
        case _:
            raise ValueError(f"{flaw} is not a flaw of a header or signature")


def _header(encoded: str, **changes: str) -> str:
    fields = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return _base64url(json.dumps(fields | changes, separators=(",", ":")).encode())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
