from __future__ import annotations

import numpy as np
import pytest

from benchmarks.turns.prosody_training import Example, fit, load, main, of_clip, unseen
from benchmarks.turns.scenes import RATE
from bot.interpreting.endpointing import FINISHED_AT
from bot.live_room.prosody import BIAS, NAMES, WEIGHTS


def test_the_weights_in_use_are_those_of_the_examples() -> None:
    assert fit(load()).weights == pytest.approx([*WEIGHTS, BIAS], abs=0.002)


def test_ends_of_clips_that_were_not_trained_with_are_recognised() -> None:
    """Slightly below what was measured, so that a change that costs something is seen."""
    examples = load()
    likelihood = unseen(examples)
    ends = np.array([example.finished for example in examples])
    for source, recognised, taken in (("reader", 0.95, 0.50), ("synthetic", 0.82, 0.46)):
        of_source = np.array([example.source == source for example in examples])
        assert (likelihood[of_source & ends] >= FINISHED_AT).mean() >= recognised
        assert (likelihood[of_source & ~ends] >= FINISHED_AT).mean() <= taken


def test_what_tells_ends_apart_is_learnt() -> None:
    rng = np.random.default_rng(1)
    examples = [
        Example("reader", f"clip {number}", number % 2 == 0, (float(number % 2), *rng.normal(0, 1, len(NAMES) - 1)))
        for number in range(200)
    ]
    model = fit(examples)
    assert model.weights[0] == min(model.weights)
    assert ((model.likelihood(examples) > 0.5) == [example.finished for example in examples]).all()


def test_a_clip_gives_its_end_its_pauses_and_places_between_words() -> None:
    time = np.arange(RATE) / RATE
    word = 0.1 * np.sign(np.sin(2 * np.pi * 120 * time)) * (1 + 0.1 * time)
    clip = np.concatenate([word, np.zeros(RATE // 5), word])
    found = list(of_clip("reader", "one", clip, True))
    assert [example.finished for example in found] == [True, False, False]


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert f"BIAS = {BIAS:.3f}" in out
    assert "reader" in out
