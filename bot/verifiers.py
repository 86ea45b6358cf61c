"""Builds what verifies the tokens of ACS, Event Grid and Entra, as the settings name their issuers."""

from __future__ import annotations

import asyncio

from bot.config import Settings
from http_serving.bearer_tokens import KeySet, TokenVerifier, fetch_over_http
from rooms_admin.auth.api_keys import ClaimsOfToken, VerifyBearer


def acs_verifier(settings: Settings) -> TokenVerifier:
    """Make the verifier of ACS's callbacks and media sockets. Needs a running event loop for its clock."""
    keys = KeySet(fetch_over_http(settings.acs_token_jwks_url), clock=asyncio.get_running_loop().time)
    return TokenVerifier(settings.acs_token_issuer, settings.acs_token_audience, keys)


def entra_verifier(settings: Settings) -> VerifyBearer | None:
    """Make the verifier of admins' Entra tokens; None unless the settings name their issuer."""
    verifier = _verifier(settings.admin_token_issuer, settings.admin_token_audience, settings.admin_token_jwks_url)
    if verifier is None:
        return None

    async def verify(authorization: str) -> ClaimsOfToken:
        return (await verifier.verify(authorization)).all

    return verify


def event_grid_verifier(settings: Settings) -> TokenVerifier | None:
    """Make the verifier of Event Grid's Entra tokens; None unless the settings name their issuer."""
    return _verifier(
        settings.event_grid_token_issuer, settings.event_grid_token_audience, settings.event_grid_token_jwks_url
    )


def _verifier(issuer: str | None, audience: str | None, keys: str | None) -> TokenVerifier | None:
    """Make a verifier; None unless the settings give all three."""
    if issuer is None or audience is None or keys is None:
        return None
    return TokenVerifier(issuer, audience, KeySet(fetch_over_http(keys)))
