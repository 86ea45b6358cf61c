"""`python -m bot doctor`: checks everything that a meeting needs, and says what is wrong and what to do."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

from bot.commands.doctor.acs_checks import check_acs, check_keys
from bot.commands.doctor.findings import Finding, as_json, as_text, exit_code, failed, fine
from bot.commands.doctor.model_checks import check_model
from bot.commands.doctor.public_checks import check_public
from bot.commands.doctor.store_checks import check_store
from bot.config import Settings, load_settings
from bot.errors import SettingsError
from bot.resources import open_clients


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write the findings as JSON")


def run(options: argparse.Namespace) -> int:
    """Check, write the findings, and return 1 if a check has failed, else 0."""
    logging.disable()  # what is logged is in the findings, in words for whoever runs this
    try:
        findings = asyncio.run(examine(load_settings()))
    except SettingsError as error:  # nothing else can be checked without them
        remedy = "python -m bot --help explains all settings."
        findings = [failed("settings", "settings_invalid", problem, remedy) for problem in error.problems]
    sys.stdout.write(as_json(findings) if options.json else as_text(findings))
    return exit_code(findings)


async def examine(settings: Settings, wall_clock: Callable[[], float] = time.time) -> list[Finding]:
    """Return the findings of all checks, in the order in which people should read them."""
    async with AsyncExitStack() as stack:
        clients = await open_clients(settings, stack)
        groups = (
            check_acs(settings, clients, wall_clock),
            check_model(settings, clients.model_sockets),
            _check_issuers(settings),
            check_store(settings, wall_clock),
            check_public(settings),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_collect(checks), name="checks") for checks in groups]
    return [fine("settings", "complete"), *(finding for task in tasks for finding in task.result())]


async def _collect(checks: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in checks]


async def _check_issuers(settings: Settings) -> AsyncIterator[Finding]:
    """Check the key sets of Entra, where it proves who admins are and that Event Grid is Event Grid."""
    for check, setting, url in (
        ("event grid keys", "EVENT_GRID_TOKEN_JWKS_URL", settings.event_grid_token_jwks_url),
        ("admins' keys", "ADMIN_TOKEN_JWKS_URL", settings.admin_token_jwks_url),
    ):
        if url is not None:
            yield await check_keys(check, setting, url)
