"""Chooses how to get from one language to another: a path of steps, each a translator for one pair of languages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

Pair = tuple[str, str]
Path = tuple[Pair, ...]

LONGEST = 3
"""Steps of a path: each adds errors of its own."""

MEASURED: Mapping[str, float] = {
    **{"en-pt-ca-es": 0.70, "en-pt-es": 0.69, "en-es": 0.63, "en-ca-es": 0.60},
    **{"en-pt-ca-fr": 0.64, "en-es-ca-fr": 0.60, "en-pt-es-fr": 0.59, "en-ca-fr": 0.57},
    **{"en-pt-ca-it": 0.62, "en-es-ca-it": 0.61, "en-pt-es-it": 0.60, "en-es-it": 0.59},
    **{"en-pt": 0.77, "en-es-ca-pt": 0.55, "en-es-pt": 0.54, "en-ca-pt": 0.53},
    **{"es-ca-pt-en": 0.71, "es-pt-en": 0.70, "es-en": 0.57, "es-ca-en": 0.54},
    **{"es-ca-fr": 0.74, "es-pt-ca-fr": 0.72, "es-it-ca-fr": 0.71, "es-fr": 0.60},
    **{"es-it": 0.67, "es-ca-it": 0.66, "es-pt-ca-it": 0.64},
    **{"es-ca-pt": 0.61, "es-pt": 0.60, "es-en-pt": 0.58},
    **{"fr-ca-pt-en": 0.64, "fr-es-pt-en": 0.58, "fr-ca-es-en": 0.55, "fr-es-en": 0.52},
    **{"fr-ca-es": 0.71, "fr-ca-pt-es": 0.67, "fr-es": 0.61},
    **{"fr-ca-it": 0.69, "fr-ca-es-it": 0.67, "fr-es-it": 0.61},
    **{"fr-ca-pt": 0.58, "fr-ca-es-pt": 0.57, "fr-ca-en-pt": 0.56},
    **{"it-ca-pt-en": 0.61, "it-es-pt-en": 0.60, "it-es-en": 0.49},
    **{"it-ca-es": 0.67, "it-es": 0.65, "it-ca-pt-es": 0.64},
    **{"pt-en": 0.78, "pt-es-en": 0.56},
    **{"pt-es": 0.64, "pt-ca-es": 0.63},
    **{"pt-es-ca-fr": 0.65, "pt-ca-fr": 0.64, "pt-es-fr": 0.58},
    **{"pt-ca-es-it": 0.60, "pt-es-it": 0.60, "pt-ca-it": 0.59},
    **{"it-ca-fr": 0.71, "it-es-ca-fr": 0.69, "it-es-fr": 0.57},
}
"""Paths -> chrF of the phrasebook's sentences along them, of 1 at most. `python -m emulator.engine.local bench --paths`
measures it."""

STEP_COST = 0.01
"""chrF that a further step must gain: it takes time, and loses what is in no phrasebook."""


def paths(steps: Collection[Pair], source: str, target: str) -> list[Path]:
    """Return the paths from one language to another, the best first; those not measured come last."""
    return sorted(_paths(steps, (), source, target), key=_rank)


def name(path: Path) -> str:
    """Return a path as its languages: "en-pt-es"."""
    return "-".join([*(source for source, _ in path), path[-1][1]])


def _rank(path: Path) -> tuple[float, int, str]:
    written = name(path)
    return (STEP_COST * len(path) - MEASURED.get(written, 0.0), len(path), written)


def _paths(steps: Collection[Pair], before: Path, source: str, target: str) -> Iterator[Path]:
    if len(before) == LONGEST:
        return
    seen = {one for one, _ in before}
    for step in sorted(steps):
        if step[0] == source and step[1] not in seen:
            path = (*before, step)
            if step[1] == target:
                yield path
            else:
                yield from _paths(steps, path, step[1], target)
