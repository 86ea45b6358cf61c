"""What of the service is served here, what shows it, and what nobody outside the service knows."""

from __future__ import annotations

from tests.emulator_coverage.acs_behaviours import BEHAVIOURS
from tests.emulator_coverage.acs_call_automation import CALL_AUTOMATION
from tests.emulator_coverage.acs_rooms_and_identity import ROOMS_AND_IDENTITY
from tests.emulator_coverage.row import UNVERIFIED, Row

__all__ = ["BEHAVIOURS", "OPERATIONS", "ROWS", "UNVERIFIED", "Row"]

OPERATIONS: tuple[Row, ...] = CALL_AUTOMATION + ROOMS_AND_IDENTITY
ROWS: tuple[Row, ...] = OPERATIONS + BEHAVIOURS
