"""One row of the coverage table; the rows are in the other files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["served", "partly", "not"]

UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Row:
    """One operation of a client, or one behaviour.

    Attributes:
        subject: the SDK's client class, or what the behaviour belongs to.
        operation: the method of that class, or the behaviour in a few words.
        state: `partly` and `not` say in `limits` what is missing.
        verified_by: test nodes, or `unverified`.
        limits: where the emulator does less than the service.
        unknown: what is not known of the real service.
        switches: of `emulator.config.Switches`, which choose between readings of the unknown.
    """

    subject: str
    operation: str
    state: State
    verified_by: tuple[str, ...]
    limits: str = ""
    unknown: str = ""
    switches: tuple[str, ...] = ()
