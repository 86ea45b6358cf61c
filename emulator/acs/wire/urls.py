"""Addresses that bots name, dialled as they were given: quoted characters stay quoted."""

from __future__ import annotations

from yarl import URL


def as_given(url: str) -> URL:
    """Return an address without quoting it anew; one with characters that cannot be sent is quoted."""
    sendable = url.isascii() and url.isprintable() and " " not in url
    return URL(url, encoded=sendable)
