"""Reads the terms of a meeting from instructions, as a model would: how a word or a name is to be interpreted.

It understands a line per term: `- "pier" or "jetty" is "muelle"`, `pier → muelle`, `keep "Contoso" exactly as it is`.
"""

from __future__ import annotations

import re

_QUOTED = r'["“”„«][^"“”„«»]+["“”»]'
_SEVERAL = rf"{_QUOTED}(?:(?:,| or| and)+ {_QUOTED})*"
_START = re.compile(r"\s*(?:[-*•]\s|\d+[.)]\s)?\s*")
_KEPT = re.compile(rf"(?:keep|leave|(?:do not|don't|never) translate):? (?P<said>{_SEVERAL})", re.IGNORECASE)
_WORDED = re.compile(
    rf"(?:translate |say )?(?P<said>{_SEVERAL}) (?:is|means|as|becomes) (?P<wanted>{_QUOTED})[.;,]?", re.IGNORECASE
)
_ARROW = re.compile(r"[-=]>|[→⇒=]")
_EACH = re.compile(_QUOTED)


def read_terms(instructions: str) -> dict[str, str]:
    """Return what may be said -> its interpretation, which is the same for a term to keep. The first line counts."""
    terms: dict[str, str] = {}
    for line in instructions.splitlines():
        text = _START.sub("", line, count=1).rstrip()
        if found := _WORDED.fullmatch(text):
            said, (wanted,) = _names(found["said"]), _names(found["wanted"])
            pairs = dict.fromkeys(said, wanted)
        elif found := _KEPT.match(text):
            pairs = {term: term for term in _names(found["said"])}
        elif len(sides := [_names(side) for side in _ARROW.split(text)]) == 2 and all(sides):
            pairs = dict.fromkeys(sides[0], sides[1][0])
        else:
            continue
        terms = pairs | terms
    return terms


def _names(side: str) -> list[str]:
    """Return what stands in quotation marks, or else the whole."""
    bare = side.strip(" \t.,;")
    return [quoted[1:-1] for quoted in _EACH.findall(side)] or ([bare] if bare else [])
