from __future__ import annotations

import gc
import logging
import resource
from typing import Any

import pytest
import uvicorn

from http_serving.server import OTHER_FILES, Server, allow_open_files

ENDLESS = resource.RLIM_INFINITY


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


@pytest.mark.parametrize(
    ("soft", "hard", "set_to"),
    [
        (1_024, 1_048_576, 5_000 + OTHER_FILES),
        (1_024, ENDLESS, 5_000 + OTHER_FILES),
        (5_000 + OTHER_FILES, 10_000, None),
        (ENDLESS, ENDLESS, None),
        (1_024, 4_096, 4_096),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may(
    soft: int, hard: int, set_to: int | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    changes: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: changes.append(limits))
    with caplog.at_level(logging.WARNING):
        allow_open_files(5_000)
    assert changes == ([] if set_to is None else [(set_to, hard)])
    assert len(caplog.records) == (set_to == 4_096), "and that it is too low is said"
