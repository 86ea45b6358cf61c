"""Writes the tables of settings and prices, and .env.example, from the code; `--check` reports outdated files.

A table stands between `<!-- generated: name -->` and `<!-- end -->`; the rest of the pages is written by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "docs" / "settings.md", ROOT / "docs" / "operations.md")
EXAMPLE = ROOT / ".env.example"
_TABLE = re.compile(r"(<!-- generated: (settings|prices) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Return 0 when nothing is left to do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is outdated")
    options = parser.parse_args()
    wanted = {page: rendered(page.read_text()) for page in PAGES} | {EXAMPLE: example()}
    old = {file: text for file, text in wanted.items() if not file.exists() or file.read_text() != text}
    for file, text in old.items():
        print(f"{'outdated' if options.check else 'written'}: {file.relative_to(ROOT)}")
        if not options.check:
            file.write_text(text)
    return 1 if options.check and old else 0


def rendered(page: str) -> str:
    """Return a page with its tables renewed."""
    tables = {"settings": settings, "prices": prices}
    return _TABLE.sub(lambda found: f"{found[1]}\n{tables[found[2]]()}\n\n{found[3]}", page)


def settings() -> str:
    """All settings, with default and meaning."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in _settings():
        default = "required" if field.is_required() else f"`{_shown(field.default)}`" if _shown(field.default) else ""
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {default} | {meaning} |")
    return "\n".join(rows)


def prices() -> str:
    """List prices, with their names in `MODEL_PRICES`."""
    from bot.commands.prices import LIST_PRICES

    rows = ["| in `MODEL_PRICES` | dollars | per | source | of |", "|---|---|---|---|---|"]
    for name, price in LIST_PRICES.items():
        amount = "" if price.amount is None else f"{price.amount:g}"
        rows.append(f"| {name} | {amount} | {price.unit} | {price.source} | {price.date} |")
    return "\n".join(rows)


def example() -> str:
    """Return a file for `.env`: what is required as empty lines to fill in, everything else as comments."""
    lines = ["# Settings of python -m bot; docs/settings.md has a table of them. Copy this file to .env.", ""]
    for name, field in _settings():
        meaning = " ".join((field.description or "").split())
        lines += [f"# {line}" for line in textwrap.wrap(meaning, 110)]
        lines += [f"{name}=" if field.is_required() else f"# {name}={_shown(field.default)}", ""]
    return "\n".join(lines)


def _settings() -> Iterator[tuple[str, FieldInfo]]:
    from bot.config import Settings

    return ((name.upper(), field) for name, field in Settings.model_fields.items())


def _shown(default: Any) -> str:
    """Return a default as it would be set; empty if there is none."""
    if default is None or default == {}:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return (
        ",".join(default)
        if isinstance(default, tuple)
        else f"{default:g}"
        if isinstance(default, float)
        else str(default)
    )


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
