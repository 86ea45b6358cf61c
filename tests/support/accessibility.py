"""Runs axe-core on a page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playwright.async_api import Page


@cache
def script() -> str:
    """The script of axe-core, from the Python package that carries it."""
    package = find_spec("axe_playwright_python")
    assert package is not None and package.origin is not None
    return (Path(package.origin).parent / "axe.min.js").read_text()


async def violations(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """What axe finds wrong, as `rule: element`; all rules, or these. The page's context needs `bypass_csp`."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(script())
    wanted = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found: Any = await page.evaluate("wanted => axe.run(document, wanted)", wanted)
    return [f"{one['id']}: {node['html'][:120]}" for one in found["violations"] for node in one["nodes"]]


async def violations_in_any_light(page: Page) -> list[str]:
    """What axe finds wrong in light colours, and in dark ones as far as colours matter."""
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    found = await violations(page)
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    return found + await violations(page, ["color-contrast"])
