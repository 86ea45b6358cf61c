"""The order of a conversation, and what may be done to its items."""

from __future__ import annotations

import pytest

from emulator.realtime.errors import ApiError
from emulator.realtime.items import Conversation, Item, audio_item, client_item
from tests.support.realtime_driver import pcm_of


def item(item_id: str) -> Item:
    return audio_item(item_id, pcm_of(1000), 0.0)


def model_item(item_id: str) -> Item:
    content = [{"type": "output_audio", "transcript": "Hola"}]
    document = {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": content}
    return Item(document, 0.0, pcm_of(1000))


def filled(*ids: str) -> Conversation:
    conversation = Conversation("conv_1")
    for item_id in ids:
        conversation.add(item(item_id))
    return conversation


def order(conversation: Conversation) -> list[str]:
    return [entry.id for entry in conversation.items()]


def test_items_go_where_they_are_asked_to() -> None:
    conversation = filled("a", "b")
    assert conversation.add(item("c")) == "b"
    assert conversation.add(item("d"), after="root") is None
    assert conversation.add(item("e"), after="a") == "a"
    assert order(conversation) == ["d", "a", "e", "b", "c"]


@pytest.mark.parametrize(("item_id", "after"), [("a", None), ("x", "nobody")])
def test_what_cannot_be_added_changes_nothing(item_id: str, after: str | None) -> None:
    conversation = filled("a")
    with pytest.raises(ApiError):
        conversation.add(item(item_id), after)
    assert order(conversation) == ["a"]


def test_a_removed_item_is_gone() -> None:
    conversation = filled("a", "b")
    conversation.remove("a")
    assert order(conversation) == ["b"]
    for attempt in (lambda: conversation.remove("a"), lambda: conversation.get("a", "item_id")):
        with pytest.raises(ApiError) as caught:
            attempt()
        assert caught.value.code == "item_not_found"


def test_truncation_cuts_the_audio_and_drops_the_transcript() -> None:
    conversation = Conversation("conv_1")
    conversation.add(model_item("a"))
    conversation.truncate("a", 0, 400)
    cut = conversation.get("a", "")
    assert cut.audio_ms == 400
    assert "Hola" not in str(cut.document)


def test_only_model_audio_can_be_truncated_and_only_to_less() -> None:
    conversation = filled("user")
    conversation.add(model_item("model"))
    with pytest.raises(ApiError, match="Only model output audio messages can be truncated") as caught:
        conversation.truncate("user", 0, 10)
    assert caught.value.code is None
    with pytest.raises(ApiError, match="already shorter than 1001ms"):
        conversation.truncate("model", 0, 1001)
    with pytest.raises(ApiError):
        conversation.truncate("model", 1, 10)


def test_cost_in_the_context() -> None:
    assert item("a").context_part().audio == 10
    assert model_item("a").context_part().audio == 20
    assert model_item("a").context_part().text == 0  # its transcript is a label on the audio
    source = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "eight ch"}]}
    assert client_item(source, "a", 0.0, "item").context_part().text == 2
