"""The templates of `infra/bicep`, what they deploy for several sets of parameters, and what the code says about it."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.bicep_compiler import BicepCompiler
from tests.support.bicep_types import type_problems
from tests.support.infra_rules import (
    GENERAL,
    PINNED,
    Resource,
    complete,
    deliveries,
    log_messages,
    probes_and_scaling,
)
from tests.support.sources import ROOT
from webhooks.events import _REPORTS

BICEP = ROOT / "infra" / "bicep"
SNAPSHOTS = ROOT / "tests" / "infra" / "snapshots"
PROFILES = {
    "dev": Path("infra/bicep/params/dev.bicepparam"),
    "prod": Path("infra/bicep/params/prod.bicepparam"),
    "everything": Path("tests/infra/profiles/everything.bicepparam"),
    "events": Path("tests/infra/profiles/events.bicepparam"),
}
"""Files of parameters; what is deployed for all but `prod`, which needs today's date, is kept in `SNAPSHOTS`."""
KEPT = ("dev", "everything", "events")
NOT_IN_CORE = {"Microsoft.EventGrid/systemTopics/eventSubscriptions"}

Check = Callable[[Sequence[Resource]], Iterator[str]]


def digest() -> str:
    """Return a digest of everything that the snapshots are made of."""
    hashed = hashlib.sha256()
    files = [*BICEP.rglob("*.bicep"), *BICEP.rglob("*.bicepparam"), *BICEP.rglob("*.json")]
    for path in sorted([*files, *(ROOT / "tests" / "infra" / "profiles").iterdir()]):
        hashed.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return hashed.hexdigest()


def kept(profile: str) -> list[dict[str, Any]]:
    """Return what is deployed for a profile, as it was when the snapshots were written."""
    found: list[dict[str, Any]] = json.loads((SNAPSHOTS / f"{profile}.json").read_text())
    return found


def write_snapshots(compiler: BicepCompiler) -> None:
    SNAPSHOTS.mkdir(exist_ok=True)
    for profile in KEPT:
        (SNAPSHOTS / f"{profile}.json").write_text(rendered(compiler.resources(ROOT / PROFILES[profile])))
    (SNAPSHOTS / "digest").write_text(digest() + "\n")


def rendered(resources: object) -> str:
    return json.dumps(resources, indent=1) + "\n"


@cache
def checks() -> tuple[Check, ...]:
    """Return the rules that every deployment of the core has to keep."""
    return (*GENERAL, probes_and_scaling(routes()), deliveries(set(_REPORTS)), log_messages(messages()))


def rule_problems(resources: Sequence[Resource], types: Mapping[str, Any] | None) -> list[str]:
    """Return everything that is wrong with what is deployed."""
    found = [problem for check in checks() for problem in check(resources)]
    for one in resources:
        if types is not None:
            found += type_problems(f"{one['type']}@{one['apiVersion']}", one, types)
    return found


def delivery_problems(folder: Path = BICEP) -> list[str]:
    """Say where events are delivered to and nobody is; the compiler evaluates no secure values, and this is one."""
    paths = re.findall(r"endpointUrl: '\$\{serviceUri\}(/[^']*)'", (folder / "events" / "main.bicep").read_text())
    return [] if paths and set(paths) <= routes() else [f"events are delivered to {paths}"]


def everything_is_there(resources: Sequence[Resource]) -> list[str]:
    return list(complete(set(PINNED) - NOT_IN_CORE)(resources))


@cache
def routes() -> set[str]:
    """Return the paths that the code serves, from its source."""
    found: set[str] = set()
    for path in ROOT.glob("*/**/*.py"):
        if path.parts[len(ROOT.parts)] in ("bot", "webhooks", "media_streaming"):
            found |= set(_decorated(path))
    return found


def _decorated(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        for decorator in getattr(node, "decorator_list", ()):
            if isinstance(decorator, ast.Call) and decorator.args and isinstance(decorator.args[0], ast.Constant):
                yield str(decorator.args[0].value)


@cache
def messages() -> set[str]:
    """Return every message that the service logs."""
    found = set()
    for path in ROOT.glob("*/**/*.py"):
        if path.parts[len(ROOT.parts)] in (
            "bot",
            "webhooks",
            "media_streaming",
            "rooms_admin",
            "http_serving",
            "storage",
        ):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("info", "warning", "error", "log")
                    and isinstance(node.func.value, ast.Name)
                ):
                    found |= {str(one.value) for one in node.args if isinstance(one, ast.Constant)}
    return found
