"""What of the service is served here, what shows it, and what nobody outside the service knows."""

from __future__ import annotations

from emulator.acs.coverage.behaviours import BEHAVIOURS
from emulator.acs.coverage.call_automation import CALL_AUTOMATION
from emulator.acs.coverage.rooms_and_identity import ROOMS_AND_IDENTITY
from emulator.acs.coverage.row import UNVERIFIED, Row

__all__ = ["BEHAVIOURS", "OPERATIONS", "ROWS", "UNVERIFIED", "Row"]

OPERATIONS: tuple[Row, ...] = CALL_AUTOMATION + ROOMS_AND_IDENTITY
ROWS: tuple[Row, ...] = OPERATIONS + BEHAVIOURS
