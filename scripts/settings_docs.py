"""Writes the table of docs/settings.md, and .env.example, from the settings; `--check` reports outdated files.

The table stands between `<!-- generated: settings -->` and `<!-- end -->`; the rest of the page is written by hand.
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
PAGE = ROOT / "docs" / "settings.md"
EXAMPLE = ROOT / ".env.example"
_TABLE = re.compile(r"(<!-- generated: settings -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Return 0 when nothing is left to do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is outdated")
    options = parser.parse_args()
    wanted = {PAGE: rendered(PAGE.read_text()), EXAMPLE: example()}
    old = {file: text for file, text in wanted.items() if not file.exists() or file.read_text() != text}
    for file, text in old.items():
        print(f"{'outdated' if options.check else 'written'}: {file.relative_to(ROOT)}")
        if not options.check:
            file.write_text(text)
    return 1 if options.check and old else 0


def rendered(page: str) -> str:
    """Return the page with its table renewed."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in _settings():
        default = "required" if field.is_required() else f"`{_shown(field.default)}`" if _shown(field.default) else ""
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {default} | {meaning} |")
    table = "\n".join(rows)
    return _TABLE.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", page)


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
