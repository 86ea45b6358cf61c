"""How findings are written, and what is said of a request without an answer."""

from __future__ import annotations

import json
import socket
import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from bot.commands.doctor.findings import as_json, as_text, exit_code, failed, fine, network_fault, warning

FOUND = [
    fine("clock", "right"),
    warning("redis", "redis_unsafe", "may lose data", "Set appendonly yes."),
    failed("acs rooms", "not_allowed", "refused", "Give it the role. " * 20),
]


def test_a_line_for_each_and_the_remedy_below_it() -> None:
    lines = as_text(FOUND).splitlines()
    assert lines[0] == "ok       clock      right"
    assert lines[1:3] == ["warning  redis      may lose data", " " * 20 + "→ Set appendonly yes."]
    assert lines[3].startswith("failed   acs rooms  refused")
    assert max(len(line) for line in lines) <= 110
    assert lines[-1] == "1 ok, 1 to look at, 1 failed"


def test_only_failures_fail() -> None:
    assert (exit_code(FOUND), exit_code(FOUND[:2])) == (1, 0)


def test_json_has_everything() -> None:
    document = json.loads(as_json(FOUND[:2]))
    assert document["ok"] is True
    assert document["findings"][1] == {
        "check": "redis",
        "outcome": "warning",
        "code": "redis_unsafe",
        "text": "may lose data",
        "remedy": "Set appendonly yes.",
    }


KEY: Any = SimpleNamespace(host="host", port=1, ssl=True)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "Name or service not known")), "name_unknown"),
        (socket.gaierror(-2, "Name or service not known"), "name_unknown"),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("self-signed")), "tls_refused"),
        (TimeoutError(), "no_answer"),
        (aiohttp.ClientConnectorError(KEY, OSError(111, "Connection refused")), "not_reachable"),
        (aiohttp.ServerDisconnectedError(), "not_reachable"),
    ],
)
def test_why_there_is_no_answer(error: Exception, code: str) -> None:
    assert network_fault(error)[0] == code
