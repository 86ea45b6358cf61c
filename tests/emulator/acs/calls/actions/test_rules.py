"""The documented rule of media actions, each pair of it."""

from __future__ import annotations

from typing import get_args

import pytest

from emulator.acs.calls.actions.rules import Kind, MediaRules
from emulator.acs.wire.errors import AcsError

KINDS: tuple[Kind, ...] = get_args(Kind)
WELCOME = ("play to all", "recognize")


@pytest.mark.parametrize("running", KINDS)
@pytest.mark.parametrize("asked", KINDS)
def test_every_pair(running: Kind, asked: Kind) -> None:
    """While files for some or sent keys are under way, only files for all and questions to one may start."""
    rules = MediaRules()
    with rules.running(running):
        if running in ("play to some", "send dtmf") and asked not in WELCOME:
            with pytest.raises(AcsError) as refused:
                rules.check(asked)
            assert (refused.value.status, refused.value.code) == (412, "8583")
        else:
            rules.check(asked)
    rules.check(asked)
