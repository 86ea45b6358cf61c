"""Ports, command lines and settings of the services."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bot.config import load_settings
from demo import processes
from demo.processes import Keys, Ports, PortTaken
from emulator.__main__ import _parser as emulator_options


def test_free_ports_are_three_different_ones() -> None:
    ports = Ports.free()
    assert len({ports.acs, ports.realtime, ports.bot}) == 3
    ports.check()


def test_every_port_that_is_taken_is_named_with_its_option() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken) as error:
            Ports(acs=port, realtime=Ports.free().realtime, bot=port).check()
    assert str(error.value).splitlines() == [
        f"port {port} of the emulator is taken; choose another with --acs-port",
        f"port {port} of the bot is taken; choose another with --bot-port",
    ]


def test_the_bot_accepts_its_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in processes.bot_settings(Ports(1001, 1002, 1003), Keys()).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.port == 1003
    assert settings.azure_ai_endpoint == "http://127.0.0.1:1002"
    assert settings.acs_token_jwks_url == "http://127.0.0.1:1001/calling/keys"


def test_the_emulator_accepts_its_command_line_whatever_its_keys_begin_with() -> None:
    command = processes.emulator_command(Ports(1001, 1002, 1003), Keys(realtime="-x", access="+/=="), ["en", "de"])
    assert command[1:3] == ["-m", "emulator"]
    options = emulator_options().parse_args(command[3:])
    assert (options.acs_port, options.realtime_port, options.realtime_key) == (1001, 1002, "-x")
    assert (options.engine, options.language) == ("local", ["en", "de"])


def test_somebodys_own_settings_do_not_leak_into_the_demo() -> None:
    own = {"AZURE_COMMUNICATION_ENDPOINT": "https://real.example", "REDIS_URL": "redis://real", "PATH": "/bin"}
    kept = processes.inherited(own)
    assert kept["PATH"] == "/bin"
    assert not kept.keys() & {"AZURE_COMMUNICATION_ENDPOINT", "REDIS_URL"}


def test_keys_are_new_each_time_and_are_not_shown() -> None:
    first, second = Keys(), Keys()
    assert first.admin != second.admin
    assert first.admin not in repr(first) and first.access not in repr(first)
