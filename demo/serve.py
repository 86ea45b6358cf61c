"""Runs `make run`: the services until Ctrl-C, with a room and renewed invitations for people to join."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.text import Text

from demo import script
from demo.layouts import MeetingPlan
from demo.processes import Ports, Services, running
from demo.progress import Progress, StepHung
from demo.rest_client import Invitation, Rest, RestFailed
from demo.script import Person
from demo.subprocesses import ProcessFailed
from emulator.engine.local import BUILT_IN, Phrasebook

START_S = 90.0
ROOM_S = 15.0
RENEW_S = 12 * 3600.0
"""Renewal interval of invitations in seconds. Tokens last 24 hours, so shown ones are valid for at least 12."""
SENTENCES = 6
"""Number of sentences shown on the page."""
PEOPLE = (script.ANA, script.LUIS)


async def run_until_stopped(ports: Ports, out: Path, screen: Console) -> int:
    """Run until cancelled; return 1 if a process or request fails."""
    progress = Progress(screen)
    try:
        async with AsyncExitStack() as stack:
            async with progress.step("starting emulator and bot", START_S) as doing:
                services = await stack.enter_async_context(running(ports, out / "logs", MeetingPlan(PEOPLE).spoken))
                doing.done = f"emulator at {services.acs_url}, bot at {services.bot_url}"
            http = await stack.enter_async_context(aiohttp.ClientSession())
            async with services.watched():
                rest = Rest(http, services)
                async with progress.step("creating two rooms", ROOM_S) as doing:
                    await rest.subscribe_to_events()
                    room_id, invitations = await rest.create_room("Meeting", MeetingPlan(PEOPLE), "consecutive")
                    await rest.invite(_on_the_page(invitations))
                    web_room_id, code = await rest.create_web_room("Meeting", MeetingPlan(PEOPLE).languages)
                    doing.done = f"one for browsers, one in ACS for {' and '.join(one.name for one in PEOPLE)}"
                _welcome(services, web_room_id, code, out, screen)
                while True:
                    await asyncio.sleep(RENEW_S)
                    invitations = [await rest.renewed(room_id, one) for one in invitations]
                    await rest.invite(_on_the_page(invitations))
    except (ProcessFailed, StepHung, RestFailed) as error:
        screen.print(Text(str(error), "red"))
        return 1


def _on_the_page(invitations: list[Invitation]) -> list[dict[str, Any]]:
    """Return invitations as the emulator's page reads them, with sentences that its engine knows."""
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
    """Return example sentences in a person's language, from the demo's script and its translations."""
    phrasebook = Phrasebook.load(BUILT_IN)
    said: list[str] = []
    for turn in script.MEETING:
        own = turn.says if turn.speaker is person else turn.means.get(person.primary)
        written = phrasebook.written(own or "", person.primary)
        if written is not None:
            said.append(written)
    return said[:SENTENCES]


def _welcome(services: Services, room_id: str, join_code: str, out: Path, screen: Console) -> None:
    bot = services.bot_url
    screen.print()
    screen.print(Text.assemble(("Open ", "bold"), (f"{bot}/join/{join_code}", "bold underline cyan")))
    screen.print(
        "in two tabs. Choose English in the first and Spanish in the second, and speak. Use headphones if possible."
    )
    screen.print()
    for name, value in (
        ("listen", f"{bot}/listen/{join_code}"),
        ("console", f"{bot}/console  with the key {services.keys.admin}"),
        ("ACS client", f"{services.acs_url}/  for two tabs that join the other room as calling clients do"),
        ("transcript", f"curl -H 'X-API-Key: {services.keys.admin}' {bot}/api/rooms/{room_id}/transcript"),
        ("REST API", f"{bot}/docs"),
        ("logs", f"{out / 'logs'}/"),
    ):
        screen.print(Text.assemble((f"{name:<12}", "dim"), value), soft_wrap=True)
    screen.print(Text("Press Ctrl-C to stop.", "dim"))
