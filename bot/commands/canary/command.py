"""`python -m bot canary ROOM`: says known sentences in a room, and judges their interpretation and its delay."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.commands.canary.participant import CanaryObservation, CanaryRefused, in_room
from bot.commands.canary.sentences import LANGUAGE, Sentence, UnusableSentences, read_aloud, recorded
from bot.config import Settings, load_settings
from bot.errors import SettingsError
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import Lane
from bot.interpreting.quality.checks import examine
from bot.interpreting.quality.number_words import fold
from bot.live_room import language_detection
from bot.resources import open_clients

PATIENCE_S = 30.0
"""Seconds after a sentence in which its interpretation has to be read and heard."""


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """A sentence, what came of it, and what is wrong with that."""

    said: str
    observed: CanaryObservation
    problems: tuple[str, ...]


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("room", metavar="ROOM", help="id of a room, best one of its own with media web")
    add("--url", help="address of the service (PUBLIC_BASE_URL)")
    add("--key-name", metavar="NAME", help="which of ADMIN_API_KEYS to use (the first that is no digest)")
    add("--sentences", type=Path, metavar="FOLDER", help="recordings NAME.wav with NAME.txt, instead of built-in ones")
    add("--speaks", default=LANGUAGE, metavar="TAG", help=f"language of the sentences ({LANGUAGE})")
    add("--hears", metavar="TAG", help="language to be interpreted into (the room's first other one)")
    add("--limit", type=float, default=10.0, metavar="S", help="longest delay in seconds until it is heard (10)")
    add("--json", action="store_true", help="write the results as JSON")


def run(options: argparse.Namespace) -> int:
    """Write the results; return 0 if all is well, 1 if a sentence is not interpreted well, 2 if none could be said."""
    logging.disable()
    try:
        settings = load_settings()
        key = admin_key(settings, options.key_name)
        results = asyncio.run(sing(settings, key, options))
    except SettingsError as error:
        sys.stderr.write(f"The canary cannot speak: {error.message}\npython -m bot --help explains all settings.\n")
        return 2
    except (UnusableSentences, CanaryRefused) as error:
        sys.stderr.write(f"The canary cannot speak: {error}\n")
        return 2
    write = as_json if options.json else as_text
    sys.stdout.write(write(results))
    return int(any(result.problems for result in results))


def admin_key(settings: Settings, name: str | None) -> str:
    """Return a key of `ADMIN_API_KEYS`.

    Raises:
        CanaryRefused: none can be used: they are digests, or in a file.
    """
    for known, secret in settings.admin_api_keys.items():
        key = secret.get_secret_value()
        if name in (None, known) and not key.startswith("sha256$"):
            return key
    raise CanaryRefused(
        "ADMIN_API_KEYS has no key in the clear of that name: of a digest (sha256$...) the key itself is not known here"
    )


async def sing(settings: Settings, key: str, options: argparse.Namespace) -> list[CanaryResult]:
    """Say all sentences, one after the other, and judge what comes of them."""
    if options.sentences is not None:
        sentences = await asyncio.to_thread(recorded, options.sentences)
    else:
        async with AsyncExitStack() as stack:
            clients = await open_clients(settings, stack)
            sentences = await read_aloud(settings, clients.model_sockets)
    identify = await asyncio.to_thread(language_detection.load)
    rates = {sentence.rate for sentence in sentences}
    if len(rates) > 1:
        raise UnusableSentences("all recordings must have the same rate")
    results = []
    url, room = options.url or settings.public_base_url, options.room
    async with in_room(url, key, room, options.speaks, options.hears, rates.pop()) as canary:
        for sentence in sentences:
            observed = await canary.say(sentence, PATIENCE_S)
            lane = Lane("canary", options.speaks, canary.hears)
            faults = examine(sentence.text, observed.interpretation or "", lane, GlossaryEntries(), identify)
            results.append(judged(sentence, observed, faults, options.limit))
    return results


def judged(sentence: Sentence, observed: CanaryObservation, faults: Sequence[str], limit_s: float) -> CanaryResult:
    """Return what is wrong with an interpretation. `faults`: what the service's own checks find in it."""
    problems = []
    text = observed.interpretation
    if text is None:
        problems.append("not interpreted")
    else:
        problems += [f"fault: {fault}" for fault in faults]
        missing = [word for word in sentence.expected if fold(word) not in fold(text)]
        problems += [f"missing: {word}" for word in missing]
    if observed.heard_s is None:
        problems.append("not heard")
    elif observed.heard_s > limit_s:
        problems.append("late")
    return CanaryResult(sentence.text, observed, tuple(problems))


def as_text(results: Sequence[CanaryResult]) -> str:
    """Return a line per sentence, with its text in both languages below it."""
    lines = []
    for result in results:
        seen = result.observed
        heard = "never heard" if seen.heard_s is None else f"heard after {seen.heard_s:.1f} s"
        read = "never read" if seen.read_s is None else f"read after {seen.read_s:.1f} s"
        lines.append(
            f"{'failed' if result.problems else 'ok':<8}{heard}, {read}  {'; '.join(result.problems)}".rstrip()
        )
        lines += [f"        said         {result.said}", f"        interpreted  {seen.interpretation or '-'}"]
    well = sum(not result.problems for result in results)
    return "\n".join([*lines, f"\n{well} of {len(results)} sentences interpreted well"]) + "\n"


def as_json(results: Sequence[CanaryResult]) -> str:
    """Return `{"ok", "sentences": [{"said", "original", "interpretation", "read_s", "heard_s", "problems"}, …]}`."""
    listed = [{"said": one.said, **asdict(one.observed), "problems": one.problems} for one in results]
    ok = not any(one.problems for one in results)
    return json.dumps({"ok": ok, "sentences": listed}, ensure_ascii=False, indent=2) + "\n"
