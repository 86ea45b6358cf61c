"""One line, of what can be seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms_admin.plain_text import one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  Ada \n\t Lovelace ", "Ada Lovelace"),
        ("Ada\0Lovelace", "Ada Lovelace"),
        ("\u202eadA\u202c", "adA"),
        ("A\u200bd\u200da", "Ada"),
        ("\u200d\u200c", ""),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("क\u094dष", "क\u094dष"),
        ("\ud83d", ""),
        ("\u3164", ""),
        ("\uffa0\u115f\u1160\u034f", ""),
        ("\u2800", ""),
        ("A\u2800\u3164da", "A da"),
        ("\U000e0041Ada", "Ada"),
        ("José – Łukasz 山田", "José – Łukasz 山田"),
    ],
)
def test_what_remains(text: str, line: str) -> None:
    assert one_line(text) == line


@given(st.text(st.characters(exclude_categories=())))
def test_a_line_is_a_line_and_stays_one(text: str) -> None:
    line = one_line(text)
    line.encode()
    assert len(line.splitlines()) <= 1
    assert not any(letter < " " or "\x7f" <= letter <= "\x9f" for letter in line)
    assert one_line(line) == line
