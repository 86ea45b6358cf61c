"""Makes text of people and models fit for a line: no controls, nothing invisible, nothing that turns the line round."""

from __future__ import annotations

import re

_AS_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u2800]+")  # the last is a pattern of Braille without dots
_DROPPED = re.compile(
    r"[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f"  # soft hyphen, marks of direction, widthless spaces and joiners
    r"\u202a-\u202e\u2060-\u206f\ufeff"  # embeddings, overrides and isolates of direction, invisible operators
    r"\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # letters that fill a place and are not seen
    r"\ufff9-\ufffb\U000e0000-\U000e007f"  # annotations, tags
    r"\ud800-\udfff]"  # half characters, which cannot be sent
    # Joiners belong to the letters and emoji round them; beside ASCII and at an end they are only invisible.
    r"|(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])"
)


def one_line(text: str) -> str:
    """Return the text on one line, without control and invisible characters; blanks become single spaces."""
    return " ".join(_DROPPED.sub("", _AS_SPACE.sub(" ", text)).split())
