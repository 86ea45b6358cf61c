"""Values of any type that nobody expects: numbers that are none, numbers beyond all bounds, texts that are no text."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal, get_args, get_origin

import msgspec
from hypothesis import strategies as st

FLOATS = st.floats() | st.sampled_from([float("inf"), float("-inf"), float("nan"), -0.0, 5e-324, 1e308])
WHOLE = st.integers() | st.sampled_from([0, -1, 2**31, 2**53 - 1, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 10**30])
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from(
    ["", "\0", "\n", "\ud800", "\u202eabc", "\u200b", "a\0b", '"', "\\", "<i>", "{\\an8}", "null", "1e999", "𝄞" * 9]
)
_ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=23, minutes=59)), timezone(-timedelta(hours=12))])


def anything_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type as a type checker sees it."""
    origin, given = get_origin(kind), get_args(kind)
    if origin is typing.Annotated:
        return anything_of(given[0])
    if origin is Literal:
        return st.sampled_from(given)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([anything_of(one) for one in given])
    if origin is tuple:
        return st.lists(anything_of(given[0]), max_size=3).map(tuple)
    if origin in (dict, Mapping):
        return st.dictionaries(anything_of(given[0]), anything_of(given[1]), max_size=3)
    if kind is object:
        return st.none() | FLOATS | WHOLE | TEXTS
    if dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct):
        fields = typing.get_type_hints(kind, include_extras=True)
        names = kind.__struct_fields__ if issubclass(kind, msgspec.Struct) else kind.__dataclass_fields__
        return st.builds(kind, **{name: anything_of(fields[name]) for name in names})
    if issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXTS,
        int: WHOLE,
        float: FLOATS | WHOLE,
        bool: st.booleans(),
        bytes: st.binary(max_size=20),
        types.NoneType: st.none(),
        datetime: st.datetimes(timezones=_ZONES),
    }
    return simple[kind]
