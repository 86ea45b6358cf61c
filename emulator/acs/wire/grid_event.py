"""An Event Grid event and its two schemas: Event Grid's own and CloudEvents 1.0."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emulator.acs.wire.callback_events import PREFIX
from emulator.acs.wire.times import event_time


@dataclass(frozen=True, slots=True)
class GridEvent:
    """An event in neither schema yet. `kind` has no prefix."""

    id: str
    kind: str
    subject: str
    data: dict[str, Any]
    time: datetime

    def in_grid_schema(self, topic: str) -> dict[str, Any]:
        """Return the event in Event Grid's own schema, which is sent as an array of one."""
        return {
            "id": self.id,
            "topic": topic,
            "subject": self.subject,
            "data": self.data,
            "eventType": PREFIX + self.kind,
            "dataVersion": "1.0",
            "metadataVersion": "1",
            "eventTime": event_time(self.time),
        }

    def as_cloud_event(self, topic: str) -> dict[str, Any]:
        """Return the event in CloudEvents 1.0, which is sent as one object."""
        return {
            "id": self.id,
            "source": topic,
            "type": PREFIX + self.kind,
            "subject": self.subject,
            "time": event_time(self.time),
            "specversion": "1.0",
            "datacontenttype": "application/json",
            "data": self.data,
        }
