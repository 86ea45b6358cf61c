"""What the canary takes for a voice."""

from __future__ import annotations

import numpy as np

from bot.commands.canary.participant import is_loud


def test_speech_is_loud_and_silence_is_not() -> None:
    tone = (3_000 * np.sin(np.arange(480) / 10)).astype(np.int16)
    assert is_loud(tone.tobytes())
    assert not is_loud((tone // 100).tobytes())
    assert not is_loud(bytes(960))
    assert not is_loud(b"")
