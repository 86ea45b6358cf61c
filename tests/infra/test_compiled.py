"""The real compiler has nothing to say about the templates, and what they deploy is what was written down."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.bicep_compiler import BicepCompiler
from tests.support.infra import BICEP, KEPT, PROFILES, delivery_problems, kept, rule_problems
from tests.support.infra_mutations import Mistake, mistakes, sample
from tests.support.sources import ROOT

pytestmark = pytest.mark.line

CAUGHT = 0.9
"""Least part of mistakes that has to be caught; infra/README.md says what was measured."""


def test_no_warning(compiler: BicepCompiler) -> None:
    files = sorted(BICEP.rglob("*.bicep")) + [ROOT / path for path in PROFILES.values()]
    assert [found for path in files for found in compiler.diagnostics(path)] == []


@pytest.mark.parametrize("profile", KEPT)
def test_what_was_written_down_is_what_is_deployed(compiler: BicepCompiler, profile: str) -> None:
    """If this fails, look at the difference, and run `python scripts/infra_snapshots.py`."""
    assert compiler.resources(ROOT / PROFILES[profile]) == kept(profile)


def test_the_deployment_for_production_keeps_the_rules(
    compiler: BicepCompiler, types: Mapping[str, Any] | None
) -> None:
    assert rule_problems(compiler.resources(ROOT / PROFILES["prod"]), types) == []


def caught_by(compiler: BicepCompiler, root: Path, mistake: Mistake, types: Mapping[str, Any] | None) -> str:
    """Return what catches a mistake in a copy of the project: `compiler`, `rules`, or nothing."""
    folder = root / "infra" / "bicep"
    original = mistake.apply(folder)
    try:
        path = folder / mistake.file
        entries = {folder / "main.bicep", folder / "events" / "main.bicep"} | (
            {path} if path.suffix == ".bicep" else set()
        )
        if any(compiler.diagnostics(entry) for entry in sorted(entries)):
            return "compiler"
        event = mistake.file.name in ("event-subscription.bicep", "main.bicep") and mistake.file != Path("main.bicep")
        for profile in ("events",) if event else ("everything", "dev"):
            found = compiler.resources(root / PROFILES[profile])
            if rule_problems(found, types):
                return "rules"
        return "rules" if delivery_problems(folder) else ""
    finally:
        (folder / mistake.file).write_text(original)


def copied(to: Path) -> Path:
    shutil.copytree(ROOT / "infra", to / "infra")
    shutil.copytree(ROOT / "tests" / "infra" / "profiles", to / "tests" / "infra" / "profiles")
    return to


@pytest.mark.parametrize(
    ("kind", "by"),
    [("misspelt property", "compiler"), ("missing parameter", "compiler"), ("setting", "rules"), ("event", "rules")],
)
def test_a_mistake_is_caught(
    compiler: BicepCompiler, tmp_path: Path, types: Mapping[str, Any] | None, kind: str, by: str
) -> None:
    root = copied(tmp_path)
    mistake = next(one for one in mistakes(root / "infra" / "bicep") if one.kind == kind)
    assert caught_by(compiler, root, mistake, types) == by


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_mistakes_are_caught(compiler: BicepCompiler, tmp_path: Path, types: Mapping[str, Any] | None) -> None:
    root = copied(tmp_path)
    # The compiler reads a JSON file once; test_rules.py tries wrong roles.
    tried = [one for one in sample(root / "infra" / "bicep", 150, seed=1) if one.kind != "role"]
    missed = [one for one in tried if not caught_by(compiler, root, one, types)]
    assert len(missed) <= (1 - CAUGHT) * len(tried), missed
