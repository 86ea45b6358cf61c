"""A row of the coverage tables: an operation or behaviour of the real services and the tests that show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["served", "partly", "not served"]

UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Row:
    """An operation of a client, an event, or a behaviour.

    Attributes:
        subject: heading of the table: the SDK's client class, or an area.
        operation: the method of that class, the event, or the behaviour in a few words.
        state: `partly` and `not served` say in `limits` what is missing.
        verified_by: tests, as pytest names them, or `UNVERIFIED`.
        limits: where the emulator does less than the service, or a remark.
        unknown: what is not known of the real service.
        switches: settings that choose between readings of the unknown: members of `Switches` on the ACS side, of
            `RealtimeConfig`, `TranslationModel` or `OutputMode` on the Realtime side.
    """

    subject: str
    operation: str
    state: State
    verified_by: tuple[str, ...]
    limits: str = ""
    unknown: str = ""
    switches: tuple[str, ...] = ()
