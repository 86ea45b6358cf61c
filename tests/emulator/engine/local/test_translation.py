from __future__ import annotations

import pytest

from emulator.engine.local.apertium import Pair, installed_pairs, known_pairs
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook
from emulator.engine.local.translation import Translator, route

needs_apertium = pytest.mark.skipif(not known_pairs() <= installed_pairs().keys(), reason="Apertium is not complete")


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("en", "es", [("en", "es")]),
        ("en", "fr", [("en", "ca"), ("ca", "fr")]),
        ("pt", "it", [("pt", "ca"), ("ca", "it")]),
        ("en", "de", None),
        ("de", "en", None),
        ("xx", "en", None),
    ],
)
def test_the_shortest_route_over_catalan(source: str, target: str, expected: list[Pair] | None) -> None:
    found = route(known_pairs(), source, target)
    assert (list(found) if found else None) == expected


def test_spanish_is_the_second_pivot() -> None:
    assert route({("en", "es"), ("es", "fr")}, "en", "fr") == (("en", "es"), ("es", "fr"))
    assert route({("en", "it"), ("it", "fr")}, "en", "fr") is None


async def test_the_phrasebook_works_without_apertium() -> None:
    async with Translator(Phrasebook.load(BUILT_IN), pairs={}) as translator:
        assert await translator.translate("what is the capital of france", "en", "de") == (
            "Was ist die Hauptstadt von Frankreich?"
        )
        assert await translator.translate("we have a blue table", "en", "es") is None


@needs_apertium
@pytest.mark.engine
async def test_rules_come_after_the_phrasebook() -> None:
    async with Translator(Phrasebook.load(BUILT_IN)) as translator:
        assert await translator.translate("how are you today", "en", "es") == "¿Cómo está usted hoy?"
        assert await translator.translate("we have a blue table", "en", "es") == "Tenemos una mesa azul"
        assert await translator.translate("we have a blue table", "en", "fr") == "nous avons une table bleue"


@needs_apertium
@pytest.mark.engine
@pytest.mark.parametrize("text", ["der zug fährt ab", "xyzzyq", "", "?!"])
async def test_what_comes_out_as_it_went_in_is_no_translation(text: str) -> None:
    async with Translator(Phrasebook(), {("en", "es"): installed_pairs()["en", "es"]}) as translator:
        assert await translator.translate(text, "en", "es") is None
