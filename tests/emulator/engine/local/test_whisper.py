from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from emulator.engine.local.audio import RECOGNISER_RATE
from emulator.engine.local.whisper import LONGEST_S, MOST_TOKENS, Whisper, _Hypothesis, once, pieces, text_of


def test_tokens_are_bytes_in_other_clothes() -> None:
    assert text_of(["Ġma", "Ã±", "ana", "<|endoftext|>"]) == "mañana"
    assert text_of(["ê·¸", "ëĬĶ"]) == "그는"
    assert text_of(["Ã"]) == ""  # half a character, where the text was cut


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("10 of clubs 10 of clubs", True),
        ("Ich habe eine Frage. Ich habe eine Frage.", True),
        ("no no", False),
        ("Today only platforms one and three are used.", False),
        ("", False),
    ],
)
def test_a_repetition_is_tried_once_more(text: str, repeats: bool) -> None:
    assert _Hypothesis(text, -0.2, 0.0, ended=True).repeats == repeats
    assert _Hypothesis(text, -0.2, 0.0, ended=False).repeats


@pytest.mark.parametrize(
    ("heard", "text"),
    [
        ("Ich habe eine Frage. Ich habe eine Frage.", "Ich habe eine Frage."),
        ("10 of clubs 10 of clubs 10 of clubs", "10 of clubs"),
        ("No, no, it is not.", "No, no, it is not."),
        ("We need a room. We need time.", "We need a room. We need time."),
    ],
)
def test_what_is_repeated_all_the_same_is_said_once(heard: str, text: str) -> None:
    assert once(heard) == text


@pytest.mark.parametrize(
    ("found", "believed"),
    [
        (_Hypothesis("Go forward.", -0.4, 0.1, ended=True), True),
        (_Hypothesis("One zero zero.", -0.3, 0.92, ended=True), True),
        (_Hypothesis("Thank you for watching.", -0.8, 0.9, ended=True), False),
        (_Hypothesis("I'm going to go to the other side.", -1.7, 0.5, ended=True), False),
        (_Hypothesis("Go forward", -0.4, 0.1, ended=False), False),
        (_Hypothesis("get a chance to " * 20, -0.4, 0.1, ended=True), False),
        (_Hypothesis("No, no, no!", -0.4, 0.1, ended=True), True),
        (_Hypothesis("Laat. Laat. Laat. Laat", -0.4, 0.1, ended=True), False),
        (_Hypothesis("...", -0.4, 0.1, ended=True), False),
    ],
)
def test_what_is_invented_is_not_believed(found: _Hypothesis, believed: bool) -> None:
    assert found.believable == believed


@pytest.mark.parametrize("seconds", [0.5, 3, LONGEST_S])
def test_a_text_that_was_cut_at_its_bound_has_no_end(seconds: float) -> None:
    class Model:
        """Gives as many tokens as CTranslate2 does for this bound, or fewer."""

        def generate(self, _encoded: object, _prompts: object, *, max_length: int, **_options: object) -> list[object]:
            tokens = ["Ġla"] * (max_length // 2 - self.fewer)
            return [SimpleNamespace(sequences=[tokens], scores=[-0.2], no_speech_prob=0.0)]

        fewer = 0

    whisper = object.__new__(Whisper)
    whisper._model = model = Model()
    found = whisper._decode(None, int(seconds * RECOGNISER_RATE), "es", "transcribe")
    assert not found.ended and len(found.text.split()) <= MOST_TOKENS
    model.fewer = 1
    assert whisper._decode(None, int(seconds * RECOGNISER_RATE), "es", "transcribe").ended


def test_a_long_utterance_is_cut_where_it_is_softest() -> None:
    loud = np.full(60 * RECOGNISER_RATE, 1000.0, np.float32)
    pause = slice(20 * RECOGNISER_RATE, int(20.4 * RECOGNISER_RATE))
    loud[pause] = 0
    found = pieces(loud)
    assert len(found[0]) in range(pause.start, pause.stop)
    assert np.array_equal(np.concatenate(found), loud)
    assert all(len(piece) <= LONGEST_S * RECOGNISER_RATE for piece in found)
    assert [len(one) for one in pieces(loud[:100])] == [100]
