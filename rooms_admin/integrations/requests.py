"""Request bodies for webhook subscriptions."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field

from rooms_admin.integrations.subscriptions import EventKind
from rooms_admin.rooms.requests import _Request


def _receiver(text: str) -> str:
    """Check the address of a receiver. Deliveries are signed but not encrypted, so it must be https."""
    try:
        address = urlsplit(text)
        port_is_fine = address.port is None or address.port > 0
    except ValueError as error:
        raise ValueError("is not a URL") from error
    host = address.hostname
    if address.scheme not in ("https", "http") or not host or not port_is_fine or "@" in address.netloc:
        raise ValueError("must be an https URL without a user name")
    if address.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("must be https (http is allowed for loopback only)")
    if address.fragment or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be a percent-encoded URL without a fragment")
    return text


class NewSubscription(_Request):
    """A webhook subscription."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://contoso.com/hooks/interpreter", "events": ["utterance.final", "room.ended"]}]
        }
    )

    url: Annotated[str, AfterValidator(_receiver), Field(max_length=2_000)]
    events: Annotated[list[EventKind], Field(min_length=1, max_length=20)]
    room_id: Annotated[str, Field(max_length=64)] | None = None
    """Only events of this room; of every room if omitted."""
