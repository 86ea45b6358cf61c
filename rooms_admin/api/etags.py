"""Reads and writes entity tags and the conditional headers If-Match and If-None-Match (RFC 9110, section 13). Pure."""

from __future__ import annotations

import re

from http_serving.errors import InvalidRequest
from rooms_admin.rooms.versions import ANY, Expected

MOST_TAGS = 20
_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]*)"\s*')


def entity_tag(version: int) -> str:
    return f'"{version}"'


def if_match(header: str | None) -> Expected:
    """Parse the If-Match header; a weak tag matches nothing."""
    if header is None or header.strip() == "*":
        return ANY
    return Expected(frozenset(tag for weak, tag in _tags(header, "If-Match") if not weak))


def is_known(header: str | None, version: int) -> bool:
    """Return whether the If-None-Match header names this version, so that 304 is the response."""
    if header is None:
        return False
    return header.strip() == "*" or str(version) in {tag for _, tag in _tags(header, "If-None-Match")}


def _tags(header: str, name: str) -> list[tuple[bool, str]]:
    matches = [_TAG.fullmatch(part) for part in header.split(",", MOST_TAGS)]
    if not all(matches):
        raise InvalidRequest.about(name, 'must be entity tags such as "3", separated by commas, or *')
    return [(bool(match[1]), match[2]) for match in matches if match]
