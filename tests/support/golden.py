"""Interpreted utterances made up by hand."""

from __future__ import annotations

from benchmarks.interpretation.golden_set import Utterance
from benchmarks.interpretation.scores import Direction, Interpreted, Score
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.quality.language_id import identify_none

TERMS = GlossaryEntries.of({"ticket": {"es-ES": "incidencia"}}, ["en-US", "es-ES"])
UTTERANCE = Utterance("001", "en-US", "es-ES", "Ticket 12 is closed.", ("Su incidencia 12 está cerrada.",))
GOOD = Interpreted(
    UTTERANCE,
    recognised="ticket 12 is closed",
    rendition="Su incidencia 12 está cerrada.",
    heard="su incidencia 12 está cerrada",
    spoken=True,
    reasons=(),
    source_s=2.0,
    stretches_s=((3.5, 5.5),),
    span_s=1.5,
)
SILENT = Interpreted(
    UTTERANCE,
    recognised=None,
    rendition="",
    heard=None,
    spoken=False,
    reasons=("no_answer",),
    source_s=2.0,
    stretches_s=(),
    span_s=None,
)
"""The model did not answer."""


def direction(*some: Interpreted) -> Direction:
    return Direction("test", "en-US", "es-ES", [Score.rate(one, TERMS, identify_none) for one in some])
