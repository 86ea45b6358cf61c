"""Reads a Dockerfile and says what is wrong with it: the rules of hadolint that apply to ours, and some of our own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Stage:
    image: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    """instruction and the rest of its line"""

    def all(self, instruction: str) -> list[str]:
        return [rest for name, rest in self.steps if name == instruction]


def stages(text: str) -> list[Stage]:
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    found: list[Stage] = []
    for line in filter(None, (line.strip() for line in joined.splitlines())):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            image, _, stage = rest.partition(" AS ")
            found.append(Stage(image, stage))
        elif found:
            found[-1].steps.append((name, rest.strip()))
    return found


def problems(text: str) -> Iterator[str]:
    """Yield the rule that is broken, by hadolint's name where it has one."""
    known: set[str] = set()
    given = dict(re.findall(r"^ARG (\w+)=(\S+)$", text.partition("\nFROM")[0], re.MULTILINE))
    for stage in stages(text):
        argument = re.fullmatch(r"\$\{(\w+)\}", stage.image)
        image = given.get(argument[1], stage.image) if argument else stage.image
        if stage.image not in known and not re.search(r"(:[\w.-]+|@sha256:[0-9a-f]{64})$", image):
            yield f"DL3006: {image} has no tag"
        if image.endswith(":latest"):
            yield f"DL3007: {image} is whatever is latest"
        if stage.image not in known and argument is None:
            yield f"own: {image} cannot be pinned by a build argument"
        if not stage.name:
            yield "own: a stage without a name"
        known.add(stage.name)
        yield from _steps(stage)
    last = stages(text)[-1]
    if (last.all("USER") or ["root"])[-1].split(":")[0] in ("root", "0"):
        yield "DL3002: the last user is root"
    checks = last.all("HEALTHCHECK")
    if len(checks) != 1 or "curl" in checks[0] or "wget" in checks[0]:
        yield "DL3055: no health check of its own"
    for name in ("ENTRYPOINT", "STOPSIGNAL", "EXPOSE"):
        if len(last.all(name)) != 1:
            yield f"own: {name} is not there once"


def _steps(stage: Stage) -> Iterator[str]:
    for name, rest in stage.steps:
        if name == "ADD":
            yield "DL3020: ADD instead of COPY"
        if name == "WORKDIR" and not rest.startswith("/"):
            yield f"DL3000: the folder {rest} is not absolute"
        if name == "MAINTAINER":
            yield "DL4000: MAINTAINER"
        command = rest.partition("CMD ")[2] if name == "HEALTHCHECK" else rest
        if name in ("CMD", "ENTRYPOINT", "HEALTHCHECK") and not _is_list(command):
            yield f"DL3025: {name} is no JSON list"
        if name in ("ENV", "ARG") and re.search("SECRET|PASSWORD|TOKEN|_KEY", rest):
            yield f"own: {name} holds a secret"
        if name == "COPY" and rest.split()[0] in (".", "./"):
            yield "own: everything is copied"
        if name == "RUN":
            yield from _command(rest)


def _command(command: str) -> Iterator[str]:
    if re.search(r"\bpip install\b", command):
        if "--no-cache-dir" not in command:
            yield "DL3042: pip keeps its cache"
        if "--require-hashes" not in command:
            yield "DL3013: pip installs what is not pinned"
    if re.search(r"\bnpm (install|i)\b", command):
        yield "DL3016: npm installs what is not locked"
    if re.search(r"\bapt-get install\b", command) and not re.search(r"-y\b.*--no-install-recommends", command):
        yield "DL3015: apt installs what is recommended"
    if re.search(r"\bapt-get (upgrade|dist-upgrade)\b|\bsudo\b", command):
        yield "DL3004: sudo or an upgrade"
    if re.search(r"\bcd \S", command):
        yield "DL3003: cd instead of WORKDIR"
    if "|" in command and "pipefail" not in command:
        yield "DL4006: a pipe without pipefail"


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False
