"""The compiler and the property tables, where this machine has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.bicep_compiler import BicepCompiler, find_compiler
from tests.support.bicep_types import find_types


@pytest.fixture(scope="session")
def compiler() -> Iterator[BicepCompiler]:
    program = find_compiler()
    if program is None:
        pytest.skip("no Bicep compiler: neither BICEP nor the path names one")
    with BicepCompiler(program) as compiler:
        yield compiler


@pytest.fixture(scope="session")
def types() -> Mapping[str, Any] | None:
    return find_types()
