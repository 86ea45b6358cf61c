"""Checks of the store: that it opens, loses nothing by its settings, and when Event Grid delivered something last."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

from bot.calls.replicas.registry import LAST_EVENT
from bot.commands.doctor.findings import Finding, failed, fine, warning
from bot.config import Settings
from bot.resources import opened_storage
from storage.errors import StoreUnavailable, UnusableStore


async def check_store(settings: Settings, wall_clock: Callable[[], float] = time.time) -> AsyncIterator[Finding]:
    """Open the store as the service would, which creates an SQLite file that does not exist yet."""
    setting = "DATABASE_PATH" if settings.redis_url is None else "REDIS_URL"
    try:
        async with opened_storage(settings) as stores:
            yield fine("store", "opens, and has the version of this service")
            for risk in stores.risks:
                name = risk.split()[0].replace("-", "_")
                yield warning("redis", f"{name}_unsafe", "Redis may lose data as it is configured", f"Set {risk}.")
            last = await stores.key_value.get(LAST_EVENT)
    except UnusableStore as error:
        remedy = f"Correct {setting}; a store that a newer version has written needs that version."
        yield failed("store", "store_unusable", str(error), remedy)
    except StoreUnavailable as error:
        yield failed("store", "store_fails", error.message, f"Look at what {setting} names.")
    else:
        yield _last_event(last, wall_clock())


def _last_event(stored: bytes | None, now_s: float) -> Finding:
    """Judge when an event came last; that is kept for a day."""
    if stored is not None:
        minutes = max(0, round((now_s - float(stored)) / 60))
        return fine("event grid events", f"the last one came {minutes} min ago")
    remedy = (
        "If a meeting was held since, look at the subscription of the ACS resource: its endpoint, its state, and its "
        "failed deliveries. infra/README.md says how it is made."
    )
    return warning("event grid events", "no_events", "none has come in the last 24 hours", remedy)
