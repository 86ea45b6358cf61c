"""What is particular to subscriptions in SQLite: they are known without reading. The rest: test_subscriptions.py."""

from __future__ import annotations

from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from rooms_admin.stores.sqlite.subscriptions import SqliteSubscriptions
from storage.sqlite import IN_MEMORY, SqliteDatabase


async def test_what_nobody_wants_is_known_at_once() -> None:
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        subscriptions = SqliteSubscriptions(database)
        added = await subscriptions.add("https://contoso.com/hook", ["room.live"], "room-1")
        assert subscriptions.has_subscriber("room.live", "room-1")
        assert not subscriptions.has_subscriber("room.live", "room-2")
        assert not subscriptions.has_subscriber("room.ended", "room-1")
        await subscriptions.remove(added.subscription_id)
        assert not subscriptions.has_subscriber("room.live", "room-1")
