"""Reading the terms of a meeting from instructions."""

from __future__ import annotations

import pytest

from bot.interpreting.briefing import briefing
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import Lane
from emulator.realtime.glossary import read_terms


@pytest.mark.parametrize(
    ("line", "terms"),
    [
        ('- "pier" is "muelle"', {"pier": "muelle"}),
        ('- "pier" or "landing stage" is "muelle"', {"pier": "muelle", "landing stage": "muelle"}),
        ('“pier”, “jetty” and "quay" means «muelle».', {"pier": "muelle", "jetty": "muelle", "quay": "muelle"}),
        ('3. Translate "pier" as "muelle"', {"pier": "muelle"}),
        ("pier → muelle", {"pier": "muelle"}),
        ("* landing-stage -> muelle viejo.", {"landing-stage": "muelle viejo"}),
        ('  • "pier" => muelle', {"pier": "muelle"}),
        ("pier = muelle", {"pier": "muelle"}),
        ('- keep "Contoso" exactly as it is', {"Contoso": "Contoso"}),
        ('Never translate "Contoso" or "C++".', {"Contoso": "Contoso", "C++": "C++"}),
        ('- "pier" is "muelle"\n- "pier" is "embarcadero"', {"pier": "muelle"}),
    ],
)
def test_a_line_per_term_is_read(line: str, terms: dict[str, str]) -> None:
    assert read_terms(f"Interpret from English into Spanish.\nTerms:\n{line}") == terms


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Keep it short.",
        "Tone: polite",
        '"Stop translating" is a sentence to translate.',
        'Never answer "yes".',
        "muelle →",
        "→ muelle",
        "a → b → c",
        '"" is ""',
    ],
)
def test_no_term_is_invented(line: str) -> None:
    assert read_terms(line) == {}


def test_the_terms_of_a_briefing_are_read_and_nothing_else() -> None:
    terms = GlossaryEntries.of({"pier": {"es-ES": "muelle"}, "Contoso": {}}, ["en-US", "es-ES"])
    text = briefing(Lane("Ana", "en-US", "es-ES"), ["en-US", "es-ES"], terms)
    assert read_terms(text) == {"pier": "muelle", "Contoso": "Contoso"}
    assert read_terms(briefing(Lane("Ana", "en-US", "es-ES"), ["en-US", "es-ES"], GlossaryEntries())) == {}
