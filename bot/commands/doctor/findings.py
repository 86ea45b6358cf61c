"""What the doctor finds: a finding per check, and how findings are written for people and for programs."""

from __future__ import annotations

import json
import socket
import ssl
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import aiohttp

Outcome = Literal["ok", "warning", "failed"]
WIDTH = 110


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `code` names the diagnosis and is stable; it is `ok` if there is none."""

    check: str
    outcome: Outcome
    code: str
    text: str
    """What was found; the cause, if something is wrong."""
    remedy: str = ""


def fine(check: str, text: str) -> Finding:
    return Finding(check, "ok", "ok", text)


def warning(check: str, code: str, text: str, remedy: str) -> Finding:
    return Finding(check, "warning", code, text, remedy)


def failed(check: str, code: str, text: str, remedy: str) -> Finding:
    return Finding(check, "failed", code, text, remedy)


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 1 if a check has failed; warnings are no failures."""
    return 1 if any(one.outcome == "failed" for one in findings) else 0


def as_text(findings: Sequence[Finding]) -> str:
    """Return a line per finding, with the remedy below it, and a line that counts them."""
    width = max((len(one.check) for one in findings), default=0)
    lines = []
    for one in findings:
        lines.append(f"{one.outcome:<8} {one.check:<{width}}  {one.text}")
        if one.remedy:
            indent = " " * (9 + width + 2)
            lines += textwrap.wrap(one.remedy, WIDTH, initial_indent=f"{indent}→ ", subsequent_indent=f"{indent}  ")
    counts = {outcome: sum(one.outcome == outcome for one in findings) for outcome in ("ok", "warning", "failed")}
    lines.append(f"\n{counts['ok']} ok, {counts['warning']} to look at, {counts['failed']} failed")
    return "\n".join(lines) + "\n"


def as_json(findings: Sequence[Finding]) -> str:
    """Return `{"ok": bool, "findings": [{"check", "outcome", "code", "text", "remedy"}, …]}`."""
    document = {"ok": not exit_code(findings), "findings": [asdict(one) for one in findings]}
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def network_fault(error: Exception) -> tuple[str, str]:
    """Return why a request has got no answer: a code, and words that follow the name of the address."""
    match error:
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return "name_unknown", "has a name that cannot be resolved"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "tls_refused", f"has no certificate that is trusted here ({type(error).__name__})"
        case TimeoutError():
            return "no_answer", "does not answer in time"
        case aiohttp.ClientConnectorError():
            return "not_reachable", f"cannot be reached: {error.os_error.strerror or 'connection failed'}"
        case _:
            return "not_reachable", f"cannot be reached ({type(error).__name__})"
