"""Writes and reads the cursors of paged lists; opaque to clients. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from http_serving.errors import InvalidRequest

Item = TypeVar("Item")


def page_of(
    found: Sequence[Item], limit: int, order: str, place: Callable[[Item], tuple[str, str]]
) -> tuple[Sequence[Item], str | None]:
    """Return the first `limit` items, and the cursor of the next page if there are more."""
    if len(found) <= limit:
        return found, None
    return found[:limit], write_cursor(order, place(found[limit - 1]))


def write_cursor(order: str, place: tuple[str, str]) -> str:
    """Encode a position. `order` names what the list is sorted by: a cursor is valid for that order only."""
    return base64.urlsafe_b64encode(msgspec.json.encode((order, *place))).decode().rstrip("=")


def read_cursor(cursor: str | None, order: str) -> tuple[str, str] | None:
    """Decode a cursor into sort key and id; `InvalidRequest` if it is malformed or of another order."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        document = base64.b64decode(padded, altchars=b"-_", validate=True)
        its_order, key, item_id = msgspec.json.decode(document, type=tuple[str, str, str])
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise InvalidRequest.about("cursor", "is not a cursor of this API") from error
    if its_order != order:
        raise InvalidRequest.about("cursor", "belongs to a list in another order")
    return key, item_id
