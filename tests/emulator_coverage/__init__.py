"""Rows of the coverage tables in docs/emulator-coverage.md, which `scripts/emulator_docs.py` generates from them."""

from __future__ import annotations

from tests.emulator_coverage.acs_behaviours import BEHAVIOURS
from tests.emulator_coverage.acs_call_automation import CALL_AUTOMATION
from tests.emulator_coverage.acs_rooms_and_identity import ROOMS_AND_IDENTITY
from tests.emulator_coverage.realtime import ROWS as REALTIME
from tests.emulator_coverage.row import Row

OPERATIONS: tuple[Row, ...] = CALL_AUTOMATION + ROOMS_AND_IDENTITY
"""Every operation of the SDKs' ACS clients."""
ACS: tuple[Row, ...] = OPERATIONS + BEHAVIOURS

__all__ = ["ACS", "OPERATIONS", "REALTIME", "Row"]
