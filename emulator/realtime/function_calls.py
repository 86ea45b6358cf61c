"""Decides which function a model calls, and with which arguments: those that its JSON Schema asks for.

A text argument is what was said; a number or a word of an enumeration is the first that was said, if any fits.
`pattern` and `format` are not observed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import ceil, floor
from typing import Any

from emulator.realtime.schema import Json

_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_NAME_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
TELLING = 5
"""Letters of a word that stands for its function: "weather" for `get_weather`, but not "get"."""
DEEPEST = 20
MOST_VALUES = 1_000
"""Bounds of the arguments: a schema that requires itself has no end."""


def chosen_function(tools: Sequence[Json], choice: object, words: str, *, volunteers: bool) -> Json | None:
    """Return the function to call after these words, or None.

    Args:
        choice: `tool_choice`: "none", "auto", "required", or an object with the function's name.
        volunteers: whether "auto" calls a function when a word of its name was said.
    """
    functions = [tool for tool in tools if tool.get("type") == "function"]
    if isinstance(choice, dict):
        return next((tool for tool in functions if tool["name"] == choice.get("name")), None)
    if choice == "none" or not functions or (choice == "auto" and not volunteers):
        return None
    said = {word.lower() for word in _WORD.findall(words)}
    meant = max(functions, key=lambda tool: len(_telling(tool["name"]) & said))
    return meant if choice == "required" or _telling(meant["name"]) & said else None


def _telling(name: str) -> set[str]:
    parts = {part.lower() for part in _NAME_PART.findall(name)}
    return {part for part in parts if len(part) >= TELLING} or parts


def arguments_for(tool: Json, words: str) -> Json:
    """Return arguments of a call after these words: every required one, or none if `parameters` is no schema."""
    schema = tool.get("parameters") or {}
    try:
        found = _Instance(schema, words).of(schema, 0)
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError):  # members of wrong types
        return {}
    return found if isinstance(found, dict) else {}


class _Instance:
    """The smallest value that fits a schema and the words."""

    def __init__(self, root: Any, words: str) -> None:
        self._root = root
        self._words = words
        self._left = MOST_VALUES

    def of(self, schema: Any, depth: int) -> Any:
        self._left -= 1
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if options := schema.get("enum"):
            said = self._words.lower()
            return next((one for one in options if isinstance(one, str) and one.lower() in said), options[0])
        if depth > DEEPEST or self._left < 0:
            return None
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self.of(choices[0], depth + 1)
        match _kind(schema):
            case "object":
                properties = schema.get("properties", {})
                return {name: self.of(properties.get(name, {}), depth + 1) for name in schema.get("required", ())}
            case "array":
                count = min(schema.get("minItems", 0), MOST_VALUES)
                return [self.of(schema.get("items", {}), depth + 1) for _ in range(count)]
            case "integer":
                return self._number(schema, schema.get("multipleOf", 1))
            case "number":
                return self._number(schema, schema.get("multipleOf", 0))
            case "boolean":
                return True
            case "null":
                return None
            case _:
                shortest = min(schema.get("minLength", 0), MOST_VALUES)
                return self._words.ljust(shortest, ".")[: schema.get("maxLength")]

    def _resolved(self, schema: Any) -> Any:
        for _ in range(DEEPEST):
            if not isinstance(schema, dict):
                return {}  # true: anything
            if "$ref" not in schema:
                return schema
            path, schema = schema["$ref"].removeprefix("#").strip("/"), self._root
            for step in filter(None, path.split("/")):
                schema = schema.get(step, {})
        return {}

    def _number(self, schema: Json, step: float) -> float:
        """Return the first number that was said and fits; else the one nearest to zero that does."""
        past = step or 0.5  # an exclusive bound
        low = max(schema.get("minimum", -1e300), schema.get("exclusiveMinimum", -1e300) + past)
        high = min(schema.get("maximum", 1e300), schema.get("exclusiveMaximum", 1e300) - past)
        for word in _NUMBER.findall(self._words):
            number = float(word) if "." in word else int(word)
            if low <= number <= high and not (step and number % step):
                return number
        nearest: float = min(max(0, low), high)
        if not step:
            return nearest
        steps = ceil(nearest / step) if nearest > 0 else floor(nearest / step)
        return steps * step


def _kind(schema: Json) -> object:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
