"""Writes the tables of docs/emulator.md and docs/emulator-coverage.md from the code; `--check` reports outdated tables.

A table stands between `<!-- generated: name -->` and `<!-- end -->`; everything else in those files is written by hand.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.emulator_coverage import Row

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "docs" / "emulator.md", ROOT / "docs" / "emulator-coverage.md")
EMULATOR = ROOT / "emulator"
_BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

Cells = tuple[str, ...]


def main() -> int:
    """Return 0 when nothing is left to do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a table is outdated")
    options = parser.parse_args()
    old = [page for page in PAGES if rendered(page.read_text()) != page.read_text()]
    for page in old:
        print(f"{'outdated' if options.check else 'written'}: {page.relative_to(ROOT)}")
        if not options.check:
            page.write_text(rendered(page.read_text()))
    return 1 if options.check and old else 0


def rendered(text: str) -> str:
    """Return a page with its tables renewed."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def table(head: Cells, rows: Iterable[Cells]) -> str:
    """Return a Markdown table, followed by an empty line."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def options() -> str:
    """The options of the command line."""
    from emulator.__main__ import _parser

    rows = []
    for action in _parser()._actions:
        if action.dest == "help":
            continue
        value = action.metavar or (f"{{{','.join(action.choices)}}}" if action.choices else "")
        words = f"`{action.option_strings[-1]}{f' {value}' if value else ''}`"
        rows.append((words, (action.help or "") % {"default": action.default}))
    return table(("option", "meaning"), rows)


def switches() -> str:
    """Every switch with its values, the default first."""
    import msgspec

    from emulator.config import Switches

    rows = []
    for item in msgspec.structs.fields(Switches):
        described = msgspec.inspect.type_info(item.type)
        extra = getattr(described, "extra_json_schema", None) or {}
        inner = getattr(described, "type", described)
        others = [str(word) for word in getattr(inner, "values", ()) if word != item.default]
        values = ", ".join([f"**{item.default}**", *others]) if others else f"**{item.default}**"
        rows.append((f"`{item.name}`", values, extra.get("description", "")))
    return table(("switch", "values", "sets"), rows)


def faults() -> str:
    """The fault document, part by part."""
    tree = ast.parse((EMULATOR / "faults.py").read_text())
    parts = {"HttpFault": "http[]", "CallbackFault": "callbacks[]", "GridFault": "event_grid[]", "MediaFault": "media"}
    rows = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in parts:
            rows.append((f"**`{parts[node.name]}`**", "", _plain(ast.get_docstring(node) or "")))
            rows += [(f"`{name}`", f"`{default}`", meaning) for name, default, meaning in _members(node)]
    return table(("member", "default", "meaning"), rows)


def realtime_faults() -> str:
    """The faults of the Realtime side, from the docstring of the module that reads them."""
    from emulator.realtime.faults import rules as module

    text = module.__doc__ or ""
    return "```\n" + text[text.index("    upgrades") :].rstrip() + "\n```\n"


def journal() -> str:
    """Every kind of journal entry with its fields, from the calls that note one with a literal kind."""
    found: dict[str, set[str]] = {}
    for path in sorted(EMULATOR.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and _noting(node.func):
                for kind in _kinds(node.args[0]):
                    found.setdefault(kind, set()).update(_fields(node))
    rows = [(f"`{kind}`", ", ".join(f"`{field}`" for field in sorted(found[kind]))) for kind in sorted(found)]
    return table(("kind", "fields, beside those that identify its subject"), rows)


def local_operations() -> str:
    """The REST requests under /emulator."""
    from emulator.openapi.document import document

    rows = [
        (f"`{method.upper()} {path}`", operation["summary"])
        for path, operations in document()["paths"].items()
        if path.startswith("/emulator/")
        for method, operation in operations.items()
    ]
    return table(("request", "effect"), rows)


def example() -> str:
    """The file that shows how to use the emulator from pytest."""
    return "```python\n" + (ROOT / "docs" / "examples" / "emulator_pytest.py").read_text() + "```\n"


def acs() -> str:
    """The coverage of the ACS side."""
    from tests.emulator_coverage import ACS

    return coverage(ACS)


def realtime() -> str:
    """The coverage of the Realtime side."""
    from tests.emulator_coverage import REALTIME

    return coverage(REALTIME)


def coverage(rows: Sequence[Row]) -> str:
    """The number of rows in each state, then a table per client or area."""
    states = sorted(Counter(row.state for row in rows).items(), key=lambda each: -each[1])
    text = ", ".join(f"{number} {state}" for state, number in states) + ".\n"
    for subject, group in itertools.groupby(rows, key=lambda row: row.subject):
        text += f"\n### {subject[0].upper()}{subject[1:]}\n\n"
        text += table(
            ("what", "state", "verified by", "not known of the real service", "limits"),
            [
                (
                    row.operation,
                    row.state,
                    "<br>".join(f"`{test.rpartition('::')[2]}`" for test in row.verified_by),
                    "; ".join([row.unknown, *[f"switch `{switch}`" for switch in row.switches]]).strip("; "),
                    row.limits,
                )
                for row in group
            ],
        )
    return text


TABLES: dict[str, Callable[[], str]] = {
    "options": options,
    "switches": switches,
    "faults": faults,
    "realtime-faults": realtime_faults,
    "journal": journal,
    "local-operations": local_operations,
    "example": example,
    "acs": acs,
    "realtime": realtime,
}


def _members(node: ast.ClassDef) -> Iterable[Cells]:
    for item, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            default = "" if item.value is None else ast.unparse(item.value)
            explained = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            meaning = str(following.value.value) if explained else ""  # type: ignore[union-attr]  # `explained` checks it
            yield item.target.id, default or "required", _plain(meaning)


def _noting(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr in ("note", "_note", "say_once")
    return isinstance(function, ast.Name) and function.id == "Note"


def _kinds(argument: ast.expr) -> list[str]:
    """Return the literal kinds that a call may note: one, or one of two."""
    match argument:
        case ast.Constant(value=str(kind)):
            return [kind]
        case ast.IfExp(body=body, orelse=orelse):
            return _kinds(body) + _kinds(orelse)
        case _:
            return []


def _fields(call: ast.Call) -> set[str]:
    fields = {keyword.arg for keyword in call.keywords if keyword.arg}
    for argument in call.args[1:]:
        if isinstance(argument, ast.Dict):
            fields |= {str(key.value) for key in argument.keys if isinstance(key, ast.Constant)}
    return fields


def _plain(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
