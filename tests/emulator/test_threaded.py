"""The emulator in a thread: used by functions without an event loop, reset, stopped; a failed start is raised."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request

import pytest

from emulator.app import ListenFailed
from emulator.config import Config
from emulator.threaded import ThreadedEmulator


def fetch(url: str) -> object:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.loads(answer.read())


def test_it_serves_plain_functions_and_is_gone_afterwards() -> None:
    with ThreadedEmulator(Config(acs_port=0, realtime_port=0, engine="scripted")) as emulator:
        assert emulator.connection_string == f"endpoint={emulator.acs_url}/;accesskey={emulator.access_key}"
        assert fetch(emulator.acs_url + "/emulator/health") == {"status": "ok", "version": "0.1.0"}
        fetch(emulator.acs_url + "/calling/keys")
        assert [entry["path"] for entry in emulator.journal("http", status=200)] == ["/calling/keys"]
        emulator.set_faults({"http": [{"path": "/calling/keys", "status": 503}]})
        with pytest.raises(urllib.error.HTTPError):
            fetch(emulator.acs_url + "/calling/keys")
        with pytest.raises(ValueError, match="unknown keys: nothing"):
            emulator.set_faults({"nothing": 1})
        emulator.reset()
        assert emulator.journal("http") == []
        fetch(emulator.acs_url + "/calling/keys")
    assert "acs-emulator" not in {thread.name for thread in threading.enumerate()}


def test_a_taken_port_is_raised_where_it_was_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = Config(acs_port=taken.getsockname()[1], realtime_port=0, engine="scripted")
        with pytest.raises(ListenFailed, match="already in use"), ThreadedEmulator(config):
            raise AssertionError("it started")
