from __future__ import annotations

import pytest

from http_serving.errors import InvalidRequest
from rooms_admin.api.etags import entity_tag, if_match, is_known
from rooms_admin.errors import Changed


@pytest.mark.parametrize(
    ("header", "version", "holds"),
    [
        (None, 3, True),
        ("*", 3, True),
        (' "3" ', 3, True),
        ('"2", "3"', 3, True),
        ('"2"', 3, False),
        ('W/"3"', 3, False),
        ('""', 3, False),
        ('"03"', 3, False),
    ],
)
def test_a_change_is_for_the_version_that_was_seen(header: str | None, version: int, holds: bool) -> None:
    expected = if_match(header)
    if holds:
        expected.check(version)
    else:
        with pytest.raises(Changed):
            expected.check(version)


@pytest.mark.parametrize(
    ("header", "known"), [(None, False), ("*", True), ('"3"', True), ('W/"3"', True), ('"2", "4"', False)]
)
def test_what_is_known_need_not_be_sent(header: str | None, known: bool) -> None:
    assert is_known(header, 3) is known


@pytest.mark.parametrize("header", ["", "3", '"3', '"3" "4"', "x, y", '"é"', ",".join(['"1"'] * 30)])
def test_what_is_no_entity_tag(header: str) -> None:
    for read in (if_match, lambda header: is_known(header, 3)):
        with pytest.raises(InvalidRequest) as caught:
            read(header)
        assert caught.value.details[0]["field"] in ("If-Match", "If-None-Match")


def test_a_tag_is_read_as_it_is_written() -> None:
    if_match(entity_tag(17)).check(17)
