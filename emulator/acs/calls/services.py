"""What every connection of this resource shares; each part is described where it is made."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

from emulator.acs.calls.sound_files import SoundFiles
from emulator.acs.events.callbacks import CallbackPoster, TokenIssuer
from emulator.faults import FaultPlan
from emulator.journal import Journal


@dataclass(frozen=True, slots=True)
class Services:
    """The resource's common equipment."""

    session: aiohttp.ClientSession
    issuer: TokenIssuer
    poster: CallbackPoster
    faults: FaultPlan
    journal: Journal
    files: SoundFiles
