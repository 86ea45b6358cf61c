"""The parts that all connections of a resource share."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from emulator.acs.calls.sound_files import SoundFiles
from emulator.acs.events.callbacks import CallbackPoster, TokenIssuer
from emulator.engine.base import Engine
from emulator.faults import FaultPlan
from emulator.journal import Journal


@dataclass(frozen=True, slots=True)
class Services:
    """HTTP session, token issuer, event poster, faults, journal, sound files and speech engine of the resource."""

    session: aiohttp.ClientSession
    issuer: TokenIssuer
    poster: CallbackPoster
    faults: FaultPlan
    journal: Journal
    files: SoundFiles
    engine: Engine
