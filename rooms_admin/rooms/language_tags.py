"""Checks and normalises language tags (BCP 47)."""

from __future__ import annotations

import re

AUTO = "auto"
"""Language of a speaker whose language is detected among those of the room."""

# RFC 5646, section 2.1, as far as interpreting needs it: language, script, region, variants.
_TAG = re.compile(
    r"[a-z]{2,3}"
    r"(-(?P<script>[a-z]{4}))?"
    r"(-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*",
    re.ASCII,
)
LONGEST_TAG = 35
"""Characters; RFC 5646, section 4.4.1, requires implementations to allow at least this."""


def language_tag(written: str) -> str:
    """Return the tag in conventional case, such as `zh-Hant-TW`.

    Raises:
        ValueError: not a well-formed tag.
    """
    lowered = written.lower()
    match = _TAG.fullmatch(lowered) if len(written) <= LONGEST_TAG else None
    if match is None:
        raise ValueError("not a language tag such as en-US")
    language, *rest = lowered.split("-")
    script, region = match["script"], match["region"]
    spelled = {script: str(script).title(), region: str(region).upper()}
    return "-".join([language, *(spelled.get(part, part) for part in rest)])


def primary(tag: str) -> str:
    """Return the primary language: `en` of `en-US`."""
    return tag.split("-", 1)[0]
