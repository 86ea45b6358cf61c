"""What is logged of a request that failed."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from bot.error_responses import install_error_handlers


async def fail() -> None:
    raise RuntimeError("a bug of ours")


@pytest.mark.parametrize("route", ["/webhooks/calls/{call_secret}", "/api/join/{join_code}"])
async def test_no_secret_of_a_path_is_logged(route: str, caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    app.post(route)(fail)
    install_error_handlers(app)
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    path = route.partition("{")[0] + "s3cret"
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [],
        "client": ("1.2.3.4", 5),
    }
    with pytest.raises(RuntimeError):
        await app(scope, receive, send)
    assert statuses[0] == 500
    (failed,) = [one for one in caplog.records if one.getMessage() == "request failed"]
    assert failed.__dict__["path"] == route
    assert "s3cret" not in str(vars(failed))
