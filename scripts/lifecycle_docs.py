"""Writes docs/lifecycle.md's picture, table and times from the code; `--check` says whether they are out of date.

What is generated stands between `<!-- generated: name -->` and `<!-- end -->`; everything else is written by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "lifecycle.md"
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


def picture() -> str:
    from bot.calls.state_machine import diagram

    return f"```mermaid\n{diagram()}\n```"


def pairs() -> str:
    from bot.calls.state_machine import matrix

    return matrix()


def recovery() -> str:
    """Return the steps of the media recovery, with the time each may take."""
    from bot.calls.media_recovery import CALM_S, PATIENCE_S, STEPS

    rows = [f"| {number} | {step.value} | {PATIENCE_S[step]:g} s |" for number, step in enumerate(STEPS, 1)]
    rest = f"After a stream has held for {CALM_S:g} s, the next loss begins with the first step."
    return "\n".join(["| step | | time |", "|---|---|---|", *rows, "", rest])


def times() -> str:
    """Return every other time."""
    from bot.calls import call_media, call_record, media_recovery, periodic_checks
    from bot.calls.by_browser import attendance
    from bot.calls.replicas import reconciler, registry

    pauses = ", ".join(f"{pause:g}" for pause in call_record.RETRY_S)
    rows = [
        ("from the join to the media socket", f"{media_recovery.FIRST_MEDIA_S:g} s"),
        ("from the media socket to the first frame on it", f"{media_recovery.FIRST_FRAME_S:g} s"),
        (
            "frames stop while people are there: streaming is restarted, with longer pauses where that is in vain",
            f"{media_recovery.SILENT_S:g} to {2 * media_recovery.SILENT_S:g} s",
        ),
        ("between two comparisons with the registry", f"{periodic_checks.REGISTRY_CHECK_S:g} s"),
        ("between two comparisons with ACS", f"{periodic_checks.ACS_CHECK_S:g} s"),
        ("alone in a call before leaving it", f"{reconciler.EMPTY_S:g} s"),
        ("the last who spoke by browser is gone, and nobody is in the call", f"{attendance.IDLE_S:g} s"),
        ("between attempts to enter a call while people are there by browser", f"{call_media.ENTER_AGAIN_S:g} s"),
        ("pauses before joining again, the last repeated", f"{pauses} s"),
        ("attempts to join", f"{reconciler.ATTEMPTS}"),
        ("a replica's lease, and the interval of its renewal", f"{registry.LEASE_S:g} s, {registry.BEAT_S:g} s"),
    ]
    return "\n".join(["| what | how long |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)])


PARTS: dict[str, Callable[[], str]] = {"picture": picture, "pairs": pairs, "recovery": recovery, "times": times}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
