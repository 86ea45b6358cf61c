"""`make run`: the same parts, up for people until Ctrl-C, with a room and invitations that do not run out."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.text import Text

from demo import script
from demo.layouts import Seating
from demo.processes import Parts, Ports, running
from demo.progress import Progress, StepHung
from demo.rest_client import Invitation, Rest, RestFailed
from demo.script import Person
from demo.subprocesses import PartFailed
from emulator.engine.local import BUILT_IN, Phrasebook

START_S = 90.0
ROOM_S = 15.0
RENEW_S = 12 * 3600.0
"""Tokens last 24 hours: renewed at half of that, an invitation on the page is always good for twelve."""
SENTENCES = 6
"""Shown on the page."""
PEOPLE = (script.ANA, script.LUIS)


async def stay(ports: Ports, out: Path, screen: Console) -> int:
    """Run until cancelled, which is how it ends well; 1 if a part fails."""
    progress = Progress(screen)
    try:
        async with AsyncExitStack() as stack:
            async with progress.step("starting emulator and bot", START_S) as doing:
                parts = await stack.enter_async_context(running(ports, out / "logs", Seating(PEOPLE).spoken))
                doing.done = f"emulator at {parts.acs_url}, bot at {parts.bot_url}"
            http = await stack.enter_async_context(aiohttp.ClientSession())
            async with parts.watched():
                rest = Rest(http, parts)
                async with progress.step("preparing a room", ROOM_S) as doing:
                    await rest.subscribe_to_events()
                    room_id, invitations = await rest.create_room("Meeting", Seating(PEOPLE), "consecutive")
                    await rest.invite(_on_the_page(invitations))
                    doing.done = f"a room for {' and '.join(f'{one.name} ({one.language})' for one in PEOPLE)}"
                _welcome(parts, room_id, out, screen)
                while True:
                    await asyncio.sleep(RENEW_S)
                    invitations = [await rest.renewed(room_id, one) for one in invitations]
                    await rest.invite(_on_the_page(invitations))
    except (PartFailed, StepHung, RestFailed) as error:
        screen.print(Text(str(error), "red"))
        return 1


def _on_the_page(invitations: list[Invitation]) -> list[dict[str, Any]]:
    """Invitations as the emulator's page reads them, with sentences its engine knows."""
    return [
        {
            "name": one.person.name,
            "language": one.person.language,
            "room": one.acs_room_id,
            "token": one.token,
            "try": sentences(one.person),
        }
        for one in invitations
    ]


def sentences(person: Person) -> list[str]:
    """What somebody may say to begin with, in their language: the demo's own meeting, both sides of it."""
    book = Phrasebook.load(BUILT_IN)
    said: list[str] = []
    for turn in script.MEETING:
        own = turn.says if turn.speaker is person else turn.means.get(person.primary)
        written = book.written(own or "", person.primary)
        if written is not None:
            said.append(written)
    return said[:SENTENCES]


def _welcome(parts: Parts, room_id: str, out: Path, screen: Console) -> None:
    screen.print()
    screen.print(Text.assemble(("Open ", "bold"), (f"{parts.acs_url}/", "bold underline cyan")))
    screen.print("in two tabs, join as Ana in one and as Luis in the other, and speak. Headphones help.")
    screen.print()
    for name, value in (
        ("transcript", f"curl -H 'X-API-Key: {parts.keys.admin}' {parts.bot_url}/api/rooms/{room_id}/transcript"),
        ("REST API", f"{parts.bot_url}/docs"),
        ("logs", f"{out / 'logs'}/"),
    ):
        screen.print(Text.assemble((f"{name:<12}", "dim"), value), soft_wrap=True)
    screen.print(Text("Ctrl-C ends it.", "dim"))
