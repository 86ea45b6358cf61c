"""The templates as text, without the compiler: symbols, modules, descriptions, secrets; mistakes that are caught."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.bicep_source import problems, read
from tests.support.infra import BICEP
from tests.support.infra_mutations import mistakes, sample
from tests.support.sources import by_name

FILES = sorted(BICEP.rglob("*.bicep"))


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_a_template_is_whole(path: Path, types: Mapping[str, Any] | None) -> None:
    assert list(problems(read(path), types)) == []


WRONG = {
    "param a string\noutput b string = a\n": ["a has no description", "b has no description"],
    "@description('a')\nparam a string\n": ["a is not used"],
    "var a = 1\nvar a = 2\n@description('b')\noutput b int = a\n": ["a is declared twice"],
    "@description('b')\noutput b string = c\n": ["c is not declared"],
    "@secure()\n@description('a')\nparam a string = 'x'\nvar b = a\n@description('c')\noutput c string = b\n": [
        "a is secure and has a default"
    ],
    "@secure()\n@description('a')\nparam a string\n@description('c')\noutput c string = a\n": [
        "the output c gives a secret away"
    ],
    "@description('a')\nparam apiSecret string\nvar b = apiSecret\n@description('c')\noutput c string = b\n": [
        "apiSecret is not secure"
    ],
    "resource r 'T@1' = { name: 'n', k: r2.listKeys().key }\nresource r2 'T@1' = { name: 'n' }\n": ["r asks for keys"],
    "module m 'nowhere.bicep' = { name: 'm' }\n": ["there is no module nowhere.bicep"],
    "module m 'other.bicep' = { name: 'm', params: { more: 1 } }\n": [
        "other.bicep has no parameter more",
        "other.bicep is not given needed",
    ],
    "module m 'other.bicep' = { name: 'm', params: { needed: 'x' } }\nresource r 'T@1' = { name: m.outputs.z }\n": [
        "m has no output z"
    ],
    "var a = [for (x, i) in [1]: { a: x, b: i }]\nvar c = map(a, s => s.key)\n": ["c is not used"],
    "var a = {\n": ["cannot be parsed"],
}


@pytest.mark.parametrize("content", WRONG, ids=range(len(WRONG)))
def test_a_mistake_is_named(tmp_path: Path, content: str) -> None:
    other = "@description('n')\nparam needed string\n@description('o')\noutput given string = needed\n"
    (tmp_path / "other.bicep").write_text(other)
    (tmp_path / "wrong.bicep").write_text(content)
    assert list(problems(read(tmp_path / "wrong.bicep"))) == [f"wrong.bicep: {one}" for one in WRONG[content]]


def test_the_property_tables_are_used(tmp_path: Path) -> None:
    spec = {"obj": {"name": {"f": "RI", "k": "s"}, "kind": {"enum": ["A"], "open": True}, "size": {"f": "R", "k": "i"}}}
    (tmp_path / "wrong.bicep").write_text("resource r 'T@1' = { name: 'n', kind: 'B', sise: 1 }\n")
    assert list(problems(read(tmp_path / "wrong.bicep"), {"T@1": json.loads(json.dumps(spec))})) == [
        "wrong.bicep: T@1.kind: 'B' is none of ['A']",
        "wrong.bicep: T@1.sise: no such property",
        "wrong.bicep: T@1: size is missing",
    ]


KINDS = {"misspelt parameter", "missing parameter", "output", "symbol"}
"""What is caught without the compiler and without property tables."""


def test_mistakes_are_caught(tmp_path: Path) -> None:
    folder = tmp_path / "bicep"
    shutil.copytree(BICEP, folder)
    tried = [one for one in sample(folder, 200, seed=1) if one.kind in KINDS]
    assert {one.kind for one in tried} == KINDS
    missed = []
    for mistake in tried:
        original = mistake.apply(folder)
        if not any(list(problems(read(path))) for path in folder.rglob("*.bicep")):
            missed.append(mistake)
        (folder / mistake.file).write_text(original)
    assert missed == []


def test_there_are_mistakes_everywhere() -> None:
    assert {one.file for one in mistakes(BICEP)} >= {path.relative_to(BICEP) for path in FILES}
