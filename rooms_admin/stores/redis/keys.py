"""What lies where in Redis, and the version of it. Knows no connection.

A room is a hash with its document and with what it is found by; what belongs to it lies under `of:<room>:`, so that
deleting a room can name all of it. Everything else is said where it is used. Documents are JSON, as in SQLite.
"""

from __future__ import annotations

from storage.errors import UnusableStore
from storage.redis import PREFIX, RedisClient

VERSION = 1
"""Of all that is described here. Kept under `schema`; it grows when an older service could not read what we write."""


class Keys:
    """The names of all keys; scripts are told the prefix and make the same names."""

    def __init__(self, prefix: str = PREFIX) -> None:
        self.prefix = prefix
        self.schema = f"{prefix}schema"
        self.deletions = f"{prefix}deletions"
        self.subscriptions = f"{prefix}subscriptions"

    def index(self, name: str) -> str:
        """Rooms sorted by `id`, `name` or `end`."""
        return f"{self.prefix}rooms-by-{name}"

    def room(self, room_id: str) -> str:
        return f"{self.prefix}room:{room_id}"

    def found_by(self, kind: str, value: str) -> str:
        """The ids of the rooms with this `code`, this `acs` room among theirs, or this creating `request`."""
        return f"{self.prefix}{kind}:{value}"

    def of(self, room_id: str, kind: str) -> str:
        return f"{self.prefix}of:{room_id}:{kind}"

    def answer(self, request_key: str) -> str:
        return f"{self.prefix}answer:{request_key}"

    def alive(self, owner: str) -> str:
        return f"{self.prefix}alive:{owner}"

    def delivery(self, delivery_id: str) -> str:
        return f"{self.prefix}delivery:{delivery_id}"

    def deliveries(self, subscription_id: str) -> str:
        return f"{self.prefix}subscription:{subscription_id}:deliveries"


async def check_version(client: RedisClient, keys: Keys) -> None:
    """Mark an empty Redis with our version.

    Raises:
        UnusableStore: a newer version of this service has written it. Nothing is changed then.
    """
    await client.call("SET", keys.schema, VERSION, "NX")
    version = int(await client.call("GET", keys.schema))
    if version > VERSION:
        reason = f"its schema has version {version}, this service knows {VERSION}"
        raise UnusableStore(f"Redis at {client.address}: {reason}")
