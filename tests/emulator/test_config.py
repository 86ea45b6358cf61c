from __future__ import annotations

import msgspec
import pytest

from emulator.config import Config, Switches, parse_switches, switch_help


def test_switches_are_read_from_words() -> None:
    switches = parse_switches(["redials=1", "strict_urls=true", "alone_limit_s=0.5", "echo_bot=false"])
    assert (switches.redials, switches.strict_urls, switches.alone_limit_s, switches.echo_bot) == (1, True, 0.5, False)


@pytest.mark.parametrize("word", ["redials", "nothing=1", "redials=-1", "redials=x", "first_events=never"])
def test_words_that_are_no_switch_are_refused(word: str) -> None:
    with pytest.raises(ValueError):
        parse_switches([word])


def test_help_names_every_switch_with_its_meaning() -> None:
    lines = switch_help().splitlines()
    assert len(lines) == len(msgspec.structs.fields(Switches))
    assert all(line.partition(": ")[2] for line in lines)


def test_keys_are_not_shown() -> None:
    shown = repr(Config(access_key="c2VjcmV0", realtime_key="hidden"))
    assert "c2VjcmV0" not in shown
    assert "hidden" not in shown
