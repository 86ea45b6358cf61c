"""Changes that are made only to what the caller has seen: entity tags and If-Match (RFC 9110, section 13). Pure."""

from __future__ import annotations

import re

from http_serving.errors import InvalidRequest
from rooms_admin.rooms.versions import ANY, Expected

MOST_TAGS = 20
_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]*)"\s*')


def entity_tag(version: int) -> str:
    return f'"{version}"'


def if_match(header: str | None) -> Expected:
    """What the If-Match header asks for; a weak tag matches nothing."""
    if header is None or header.strip() == "*":
        return ANY
    return Expected(frozenset(tag for weak, tag in _tags(header, "If-Match") if not weak))


def is_known(header: str | None, version: int) -> bool:
    """Whether the If-None-Match header names this version, so that there is nothing to send."""
    if header is None:
        return False
    return header.strip() == "*" or str(version) in {tag for _, tag in _tags(header, "If-None-Match")}


def _tags(header: str, name: str) -> list[tuple[bool, str]]:
    matches = [_TAG.fullmatch(part) for part in header.split(",", MOST_TAGS)]
    if not all(matches):
        details = [{"field": name, "reason": 'must be entity tags such as "3", parted by commas, or *'}]
        raise InvalidRequest("the request is not valid", details=details)
    return [(bool(match[1]), match[2]) for match in matches if match]
