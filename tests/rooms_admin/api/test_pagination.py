from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from http_serving.errors import InvalidRequest
from rooms_admin.api.pagination import page_of, read_cursor, write_cursor

words = st.text(st.characters(exclude_categories=["Cs"]))


@given(words, words)
def test_a_cursor_is_read_as_it_was_written(key: str, item_id: str) -> None:
    assert read_cursor(write_cursor("name", (key, item_id)), "name") == (key, item_id)


def test_no_cursor_is_the_beginning() -> None:
    assert read_cursor(None, "name") is None


def test_a_cursor_makes_no_sense_in_another_order() -> None:
    with pytest.raises(InvalidRequest):
        read_cursor(write_cursor("name", ("a", "b")), "-name")


@pytest.mark.parametrize(
    "document", [b"{}", b"[]", b'["name","a"]', b'["name","a",1]', b"\xff", b'["name","\\ud800","b"]', b"[" * 900]
)
def test_a_document_that_is_no_place(document: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_cursor(base64.urlsafe_b64encode(document).decode().rstrip("="), "name")


@given(st.text())
def test_any_text_is_judged_without_an_error_of_ours(text: str) -> None:
    try:
        read_cursor(text, "name")
    except InvalidRequest as error:
        assert error.details[0]["field"] == "cursor"


def test_a_page_says_where_to_go_on_only_if_there_is_more() -> None:
    def place(number: int) -> tuple[str, str]:
        return ("", str(number))

    assert page_of([1, 2], 2, "x", place) == ([1, 2], None)
    assert page_of([1, 2, 3], 2, "x", place) == ([1, 2], write_cursor("x", ("", "2")))
