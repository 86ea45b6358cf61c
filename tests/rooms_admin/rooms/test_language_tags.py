"""Language tags in their usual spelling."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms_admin.rooms.language_tags import language_tag, primary

SUBTAGS = st.tuples(
    st.from_regex(r"\A[A-Za-z]{2,3}\Z"),
    st.none() | st.from_regex(r"\A[A-Za-z]{4}\Z"),
    st.none() | st.from_regex(r"\A([A-Za-z]{2}|[0-9]{3})\Z"),
    st.none() | st.from_regex(r"\A([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3})\Z"),
)


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("EN-us", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("ES-419", "es-419"),
        ("de-ch-1996", "de-CH-1996"),
        ("sl-ROZAJ", "sl-rozaj"),
        ("fil", "fil"),
        ("id-ID", "id-ID"),
    ],
)
def test_spelling(written: str, usual: str) -> None:
    assert language_tag(written) == usual


@pytest.mark.parametrize(
    "written",
    ["", "e", "english", "en_US", "en-", "-en", "en-US\n", " en", "en-USA1", "x-private", "é-ES", "auto"]
    + ["en" + "-variant1" * 10],
)
def test_what_is_no_tag(written: str) -> None:
    with pytest.raises(ValueError, match="not a language tag"):
        language_tag(written)


@settings(deadline=None)  # the first examples wait for the patterns
@given(SUBTAGS)
def test_the_usual_spelling_is_one(subtags: tuple[str | None, ...]) -> None:
    """However a tag is written, it is spelled the same, and means the same language."""
    written = "-".join(filter(None, subtags))
    usual = language_tag(written)
    assert usual.lower() == written.lower()
    assert language_tag(usual) == language_tag(written.upper()) == language_tag(written.lower()) == usual
    assert primary(usual) == str(subtags[0]).lower()
