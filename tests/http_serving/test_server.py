from __future__ import annotations

import gc
from typing import Any

import uvicorn

from http_serving.server import Server


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Never called."""


async def test_the_collector_never_looks_again_at_what_was_there_at_the_start() -> None:
    """A full collection stops every call for as long as it takes."""
    config = uvicorn.Config(application, host="127.0.0.1", port=0, lifespan="off", log_config=None)
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    gc.unfreeze()  # what a service in an earlier test has left frozen
    try:
        await server.startup()
        frozen = gc.get_freeze_count()
        looked_at = len(gc.get_objects())
    finally:
        gc.unfreeze()
        await server.shutdown()
    assert frozen > 50_000
    assert looked_at < frozen / 10
