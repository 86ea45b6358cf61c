"""Language tags as an admin may write them: BCP 47, well-formed, in the usual spelling."""

from __future__ import annotations

import re

AUTO = "auto"
"""Said of a speaker whose language is not known: it is detected among the room's languages."""

# RFC 5646, section 2.1, as far as interpreting needs it: language, script, region, variants.
_TAG = re.compile(
    r"[a-z]{2,3}"
    r"(-(?P<script>[a-z]{4}))?"
    r"(-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*",
    re.ASCII,
)
LONGEST_TAG = 35  # characters; RFC 5646, section 4.4.1, asks implementations to allow at least this


def language_tag(written: str) -> str:
    """The tag in its usual spelling, `zh-Hant-TW`, however it was written.

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
    """The language without script and region: `en` of `en-US`."""
    return tag.split("-", 1)[0]
