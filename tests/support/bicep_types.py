"""Compares resources with the property tables of their types, if this machine has them (`BICEP_TYPES`).

Nearly all lists of values are open in these tables: another value is accepted by the compiler, and refused by Azure.
Here they count as closed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Unknown:
    """A value that is known only when it is deployed."""


UNKNOWN = Unknown()


def find_types() -> Mapping[str, Any] | None:
    path = os.environ.get("BICEP_TYPES")
    return json.loads(Path(path).read_text()) if path and Path(path).exists() else None


def type_problems(kind: str, body: Mapping[str, Any], types: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a resource of a kind `type@version`; expressions in brackets are unknown values."""
    spec = types.get(kind)
    if spec is None:
        yield f"{kind}: not in the tables"
        return
    known = {name: value for name, value in body.items() if name not in ("id", "type", "apiVersion", "scope", "parent")}
    if isinstance(known.get("name"), str) and not known["name"].startswith("["):
        known["name"] = known["name"].rpartition("/")[2]
    yield from _check(known, spec, kind, top=True)


def _check(value: Any, spec: Mapping[str, Any], place: str, *, top: bool = False) -> Iterator[str]:
    if isinstance(value, Unknown) or value is None or (isinstance(value, str) and value.startswith("[")):
        return
    if "cases" in spec:
        case = value.get(spec["disc"]) if isinstance(value, dict) else None
        if isinstance(case, Unknown):
            return
        if case not in spec["cases"]:
            yield f"{place}: {spec['disc']} is {case!r}"
            return
        chosen = spec["cases"][case]
        merged = {**spec.get("base", {}), **chosen.get("obj", {})}
        yield from _check(value, {"obj": {spec["disc"]: {"k": "s"}, **merged}, "extra": chosen.get("extra")}, place)
        return
    if "obj" in spec:
        yield from _check_object(value, spec, place, top=top)
    elif "arr" in spec:
        if not isinstance(value, list):
            yield f"{place}: is no list"
            return
        for index, one in enumerate(value):
            yield from _check(one, spec["arr"], f"{place}[{index}]")
    elif "lit" in spec and value != spec["lit"]:
        yield f"{place}: {value!r} is not {spec['lit']!r}"
    elif "enum" in spec and value not in spec["enum"]:
        yield f"{place}: {value!r} is none of {spec['enum']}"
    elif "k" in spec:
        yield from _check_scalar(value, spec, place)


def _check_object(value: Any, spec: Mapping[str, Any], place: str, *, top: bool) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: is no object"
        return
    properties = spec["obj"]
    for name, one in value.items():
        if name in properties:
            if "O" in properties[name].get("f", "") and name != "name":
                yield f"{place}.{name}: is read-only"
            yield from _check(one, properties[name], f"{place}.{name}")
        elif spec.get("extra"):
            yield from _check(one, spec["extra"], f"{place}.{name}")
        else:
            yield f"{place}.{name}: no such property"
    for name, one in properties.items():
        flags = one.get("f", "")
        if "R" in flags and "O" not in flags and name not in value and not (top and "I" in flags and name != "name"):
            yield f"{place}: {name} is missing"


def _check_scalar(value: Any, spec: Mapping[str, Any], place: str) -> Iterator[str]:
    kinds: dict[str, Any] = {"s": str, "i": (int, float), "b": bool}
    kind = kinds.get(spec["k"])
    if kind is not None and (not isinstance(value, kind) or (spec["k"] == "i" and isinstance(value, bool))):
        yield f"{place}: {value!r} is of another kind"
        return
    size = len(value) if isinstance(value, str) else value
    if isinstance(size, (int, float)) and not isinstance(size, bool):
        if size < spec.get("min", size) or size > spec.get("max", size):
            yield f"{place}: {value!r} is out of range"
    if isinstance(value, str) and "re" in spec and not re.search(spec["re"], value):
        yield f"{place}: {value!r} does not match {spec['re']}"
