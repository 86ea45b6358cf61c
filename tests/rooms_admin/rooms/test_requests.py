"""Every number that a request may contain has bounds, so that what is accepted can be stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rooms_admin.integrations.requests import NewSubscription
from rooms_admin.rooms import requests
from rooms_admin.rooms.requests import _Request

MODELS = [*(one for one in _Request.__subclasses__() if one.__module__ == requests.__name__), NewSubscription]


def numbers(schema: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if schema.get("type") in ("number", "integer"):
        yield where, schema
    for key, value in schema.items():
        for number, one in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(one, dict):
                yield from numbers(one, f"{where}.{key}.{number}")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_number_has_bounds(model: type[_Request]) -> None:
    for where, schema in numbers(model.model_json_schema(), model.__name__):
        assert "minimum" in schema and "maximum" in schema, where
        assert abs(schema["maximum"]) < 2**53


def test_there_are_numbers_to_look_at() -> None:
    assert len(list(numbers(requests.NewRoom.model_json_schema(), ""))) >= 9
