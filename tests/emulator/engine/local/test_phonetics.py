from __future__ import annotations

import pytest

from emulator.engine.local.phonetics import MAX_VARIANTS, UnknownSound, merge, phones, split_sounds

# The phones of the English acoustic model (model/en-us/en-us/mdef), without silence and noise.
ARPABET = frozenset(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)


@pytest.mark.parametrize(
    ("ipa", "sounds"),
    [
        ("kaθˈa", ["k", "a", "θ", "a"]),
        ("mˈutʃas", ["m", "u", "tʃ", "a", "s"]),
        ("bɔ̃ʒˈuʁ", ["b", "ɔ̃", "ʒ", "u", "ʁ"]),
        ("nˈɐ̃ʊ̃", ["n", "ɐ̃ʊ̃"]),
        ("tˈutːɪ", ["t", "u", "t", "ɪ"]),
        ("ˌeː(en)mˈeɪl(de)", ["eː", "m", "eɪ", "l"]),
        ("", []),
    ],
)
def test_a_word_splits_into_the_longest_sounds(ipa: str, sounds: list[str]) -> None:
    assert split_sounds(ipa) == sounds


@pytest.mark.parametrize(
    ("ipa", "first"),
    [
        ("mˈaɲana", "M AA N Y AA N AA"),  # ñ
        ("xˈwan", "HH W AA N"),  # j
        ("r", "R"),
        ("ɾ", "R"),
        ("ʒɛ̃", "ZH AE N"),
        ("tˈutːɪ", "T UW T IH"),
    ],
)
def test_the_likeliest_pronunciation_comes_first(ipa: str, first: str) -> None:
    assert phones(ipa)[0] == first


def test_sounds_between_two_english_ones_get_both() -> None:
    variants = phones("pero")
    assert {"P EY R OW", "P EH R OW", "P EY R AO"} <= set(variants)


def test_a_long_word_keeps_few_variants_and_tries_each_sound() -> None:
    variants = phones("eɾaðoβaɛʊx")
    assert len(variants) == MAX_VARIANTS
    assert len(set(variants)) == MAX_VARIANTS
    first = variants[0].split()
    for other in variants[1:]:
        assert sum(a != b for a, b in zip(first, other.split(), strict=True)) <= 2


def test_every_sound_of_the_table_is_made_of_the_models_phones() -> None:
    from emulator.engine.local.phonetics import _SOUNDS

    used = {phone for alternatives in _SOUNDS.values() for one in alternatives for phone in one}
    assert used <= ARPABET


def test_an_unknown_sound_is_named() -> None:
    with pytest.raises(UnknownSound, match="'ǂ'"):
        phones("aǂa")


def test_merging_takes_from_each_in_turn() -> None:
    assert merge([["A", "B"], ["C", "A"], []]) == ["A", "C", "B"]
