"""Names of all keys in Redis, and the version of the schema.

A room is a hash with its document and the values it is found by. What belongs to it has keys that begin with
`of:<room>:`, so that deleting a room can name all of them. Documents are JSON, as in SQLite.
"""

from __future__ import annotations

from storage.errors import UnusableStore
from storage.redis import PREFIX, RedisClient

VERSION = 1
"""Version of the schema, stored under `schema`. Incremented when older versions of the service could not read it."""


class Keys:
    """Builds the names of keys. Scripts are passed the prefix and build the same names."""

    def __init__(self, prefix: str = PREFIX) -> None:
        self.prefix = prefix
        self.schema = f"{prefix}schema"
        self.deletions = f"{prefix}deletions"
        self.subscriptions = f"{prefix}subscriptions"

    def index(self, name: str) -> str:
        """Return the key of the index by `id`, `name` or `end`."""
        return f"{self.prefix}rooms-by-{name}"

    def room(self, room_id: str) -> str:
        return f"{self.prefix}room:{room_id}"

    def lock(self, room_id: str) -> str:
        return f"{self.prefix}lock:{room_id}"

    def found_by(self, kind: str, value: str) -> str:
        """Return the key of the set of rooms with this join `code`, `acs` room or creating `request`."""
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
    """Check the version of the schema; write it to an empty Redis.

    Raises:
        UnusableStore: a newer version of this service has written it, or something else. Nothing is changed then.
    """
    await client.call("SET", keys.schema, VERSION, "NX")
    version = bytes(await client.call("GET", keys.schema))
    if not version.isdigit() or int(version) > VERSION:
        reason = f"its schema has version {version.decode(errors='replace')[:20]}, this service knows {VERSION}"
        raise UnusableStore(f"Redis at {client.address}: {reason}")
