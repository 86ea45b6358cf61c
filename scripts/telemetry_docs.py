"""Writes the generated parts of docs/telemetry.md from the code; `--check` says whether they are out of date.

What is generated stands between `<!-- generated: name -->` and `<!-- end -->`; everything else is written by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "telemetry.md"
_BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Return 0 when the page is up to date or has been written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is out of date")
    options = parser.parse_args()
    old = rendered(PAGE.read_text()) != PAGE.read_text()
    if old:
        print(f"{'out of date' if options.check else 'written'}: {PAGE.relative_to(ROOT)}")
        if not options.check:
            PAGE.write_text(rendered(PAGE.read_text()))
    return 1 if options.check and old else 0


def rendered(text: str) -> str:
    """Return the page with its generated parts renewed."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n\n{found[3]}", text)


def metrics() -> str:
    """Return the table of metrics."""
    from bot.telemetry.catalogue import METRICS

    rows = []
    for one in METRICS:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        rows.append(f"| `{one.name}` | {one.kind} | {one.unit} | {labels} | {one.meaning} |")
    return "\n".join(["| metric | kind | unit | labels | meaning |", "|---|---|---|---|---|", *rows])


def trace() -> str:
    """Return the trace of an utterance of a scripted meeting, as the service's own code makes it."""
    from bot.telemetry.spans import printed, spans
    from tests.support.meeting import ADA, Answers, Meeting

    meeting = Meeting(model=Answers(after=0.8, seconds=1.8))
    meeting.says(ADA, 1.0, 2.4)
    meeting.run()
    room = {
        "room.id": "room-7f3a",
        "acs.call_connection_id": "401f3500-5e24-4a2f-8a3c-6c8a2f1d9b10",
        "acs.correlation_id": "0f8d6a3e-9f0b-4a43-9c55-3d1f6d0c2b7e",
    }
    return f"```\n{printed(list(spans(meeting.settled()[0], room)))}\n```"


PARTS = {"metrics": metrics, "trace": trace}

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
