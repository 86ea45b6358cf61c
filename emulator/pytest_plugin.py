"""Pytest plugin: the fixture `acs_emulator`, an emulator in the process of the tests.

    def test_my_bot(acs_emulator):
        client = RoomsClient(acs_emulator.acs_url, AzureKeyCredential(acs_emulator.access_key))

The emulator starts once per test run, on free ports, and is reset before each test that uses it. It runs in a thread,
so tests with and without an event loop can use it. Override the fixture `acs_emulator_config` to start it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # loaded in every test run, also in those that use no emulator
    from emulator.config import Config
    from emulator.threaded import ThreadedEmulator


@pytest.fixture(scope="session")
def acs_emulator_config() -> Config:
    """Settings of the emulator: free ports and the scripted engine, which starts at once."""
    from emulator.config import Config

    return Config(acs_port=0, realtime_port=0, engine="scripted")


@pytest.fixture(scope="session")
def acs_emulator_server(acs_emulator_config: Config) -> Iterator[ThreadedEmulator]:
    """The emulator of the whole test run; tests use `acs_emulator`."""
    from emulator.threaded import ThreadedEmulator

    with ThreadedEmulator(acs_emulator_config) as emulator:
        yield emulator


@pytest.fixture
def acs_emulator(acs_emulator_server: ThreadedEmulator) -> ThreadedEmulator:
    """A running emulator without rooms, users, calls, subscriptions, faults or journal entries."""
    acs_emulator_server.reset()
    return acs_emulator_server
