"""What the documents say is so: tables, commands, switches, faults, journal kinds, settings, links, the example."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from bot.config import Settings
from emulator.config import parse_switches
from emulator.faults import FaultDocument, FaultPlan, RealtimePart
from emulator.realtime.faults import RealtimeFaults

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "demo/*.md", "benchmarks/*.md", "infra/**/*.md")
    for path in ROOT.glob(pattern)
)
EMULATOR_PAGE = ROOT / "docs" / "emulator.md"

# In capitals, and no setting of the service.
NO_SETTINGS = {"SPEAK", "SPEECH_RECORDINGS", "PYTHON", "FILE", "DELETE", "POST", "PATCH", "SIGTERM", "SIGINT"}


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("emulator_docs", ROOT / "scripts" / "emulator_docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_tables_are_up_to_date(generator: ModuleType) -> None:
    """`python scripts/emulator_docs.py` writes them."""
    for page in generator.PAGES:
        assert page.read_text() == generator.rendered(page.read_text()), page.name


def test_the_generator_finds_what_is_old(generator: ModuleType) -> None:
    old = "before\n<!-- generated: switches -->\nold\n<!-- end -->\nafter\n"
    new = generator.rendered(old)
    assert new != old
    assert "| `page_size` | **100** |" in new
    assert generator.rendered(new) == new


def test_journal_kinds_that_are_named_exist(generator: ModuleType) -> None:
    kinds = set(re.findall(r"^\| `([a-z_.]+)` \|", generator.journal(), re.MULTILINE))
    families = {kind.partition(".")[0] for kind in kinds}
    text = re.sub(r"<!-- generated.*?<!-- end -->", "", EMULATOR_PAGE.read_text(), flags=re.DOTALL)
    named = {
        word
        for word in re.findall(r"`(?:kind=)?([a-z]+\.[a-z_]+)`", text)
        if word.partition(".")[0] in families and not word.endswith(".py")
    }
    assert named
    assert named <= kinds


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_switches_on_command_lines_are_taken(page: Path) -> None:
    words = re.findall(r"--switch ([a-z_]+=\w+)", page.read_text())
    parse_switches(word for word in words if word != "name=value")


def test_fault_documents_are_taken() -> None:
    """And so is every JSON document on the page parsed."""
    plan = FaultPlan()
    plan.attach(RealtimePart(lambda part: [RealtimeFaults.from_dict(part)].clear, dict))
    documents = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", EMULATOR_PAGE.read_text(), re.DOTALL)]
    members = {field.name for field in msgspec.structs.fields(FaultDocument)}
    faults = [document for document in documents if set(document) <= members]
    assert faults
    for document in faults:
        plan.replace(document)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text()
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) <= targets
    for name in re.findall(r"python -m ([a-z_][\w.]*)", text):
        runnable = importlib.util.find_spec(name)
        assert runnable is not None, name
        if runnable.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{name}.__main__") is not None, name


def test_options_on_command_lines_exist() -> None:
    known = {
        option
        for command in (["emulator"], ["emulator", "join"])
        for option in re.findall(
            r"--[a-z-]+",
            subprocess.run([sys.executable, "-m", *command, "--help"], capture_output=True, text=True, cwd=ROOT).stdout,
        )
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", EMULATOR_PAGE.read_text()))
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_settings_that_are_named_exist(page: Path) -> None:
    settings = {name.upper() for name in Settings.model_fields}
    named = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`", page.read_text()))
    assert named - settings - NO_SETTINGS == set()


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page.read_text()):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        if anchor:
            assert anchor in set(anchors(found.read_text())), target


@pytest.mark.timeout(90)
def test_the_example_runs() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "docs/examples/emulator_pytest.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=80)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def links(text: str) -> Iterator[str]:
    """Targets of Markdown links, outside code."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    yield from re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text)


def anchors(text: str) -> Iterator[str]:
    """What the headings of a page are reached by."""
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
