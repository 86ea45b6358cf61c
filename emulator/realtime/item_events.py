"""Handles the client events `conversation.item.*` and announces new items."""

from __future__ import annotations

from emulator.realtime.audio_settings import InputSettings
from emulator.realtime.base_session import ClientEvents, client_event
from emulator.realtime.context import SessionContext
from emulator.realtime.errors import ApiError
from emulator.realtime.items import ITEM_ID, NEW_ITEM, TRUNCATE_MEMBERS, Conversation, Item, client_item
from emulator.realtime.recognitions import ItemRecognitions
from emulator.realtime.schema import Json, nullable


def announce_item(context: SessionContext, item: Item, previous_item_id: str | None) -> None:
    """Send `conversation.item.added` and `.done`: a client's item is complete on arrival."""
    for kind in ("conversation.item.added", "conversation.item.done"):
        context.emit(kind, previous_item_id=previous_item_id, item=item.document)


class ItemEvents:
    """Handlers of item events: `reading` for all sessions with items, `writing` for those that respond."""

    def __init__(
        self,
        context: SessionContext,
        settings: InputSettings,
        conversation: Conversation,
        recognitions: ItemRecognitions,
    ) -> None:
        self._context = context
        self._settings = settings
        self._conversation = conversation
        self._recognitions = recognitions
        named = client_event({"item_id": ITEM_ID}, ["item_id"])
        self.reading: ClientEvents = {
            "conversation.item.retrieve": (named, self._retrieve),
            "conversation.item.delete": (named, self._delete),
        }
        self.writing: ClientEvents = {
            "conversation.item.create": (
                client_event({"item": NEW_ITEM, "previous_item_id": nullable(ITEM_ID)}, ["item"]),
                self._create,
            ),
            "conversation.item.truncate": (client_event(TRUNCATE_MEMBERS, list(TRUNCATE_MEMBERS)), self._truncate),
        }

    def _create(self, event: Json, now: float) -> None:
        item_id, audio_format = self._context.ids.new("item"), self._settings.input_format
        item = client_item(event["item"], item_id, now, "item", audio_format)
        call_id = item.document.get("call_id")
        if item.role == "tool" and not self._conversation.has_call(call_id):  # as captured
            raise ApiError("invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation.")
        announce_item(self._context, item, self._conversation.add(item, event.get("previous_item_id")))

    def _truncate(self, event: Json, now: float) -> None:
        place = {key: event[key] for key in TRUNCATE_MEMBERS}
        self._conversation.truncate(**place)
        self._context.emit("conversation.item.truncated", **place)

    def _delete(self, event: Json, now: float) -> None:
        self._conversation.remove(event["item_id"])
        self._recognitions.forget(event["item_id"])
        self._context.emit("conversation.item.deleted", item_id=event["item_id"])

    def _retrieve(self, event: Json, now: float) -> None:
        item = self._conversation.get(event["item_id"], "item_id")
        self._context.emit("conversation.item.retrieved", item=item.with_audio())
