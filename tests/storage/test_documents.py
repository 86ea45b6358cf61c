"""What is written can be read: as it was, or not at all. What cannot be read hurts nothing else."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calls.replicas.registry import CallRecord, LastCall, WantedCall
from rooms_admin.integrations.subscriptions import Delivery, Subscription
from rooms_admin.rooms.room import Glossary, Room
from rooms_admin.transcripts.recorder import OpenLedgerRecord
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from storage.documents import Documents
from storage.errors import UnstorableValue
from storage.health import StoreHealth
from tests.support.hostile import anything_of

STORED = [
    Room,
    Glossary,
    TranscriptLine,
    LedgerRecord,
    OpenLedgerRecord,
    Subscription,
    Delivery,
    CallRecord,
    WantedCall,
    LastCall,
]


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.__name__)
def test_what_is_read_back_is_what_was_written(kind: type[Any]) -> None:
    health = StoreHealth()
    documents = Documents("thing", kind, health)

    @given(anything_of(kind))
    def write_and_read(record: Any) -> None:
        try:
            document = documents.encode(record)
        except UnstorableValue:
            return
        for text in (document, document.decode()):
            assert documents.decode("its name", text) == record
        assert not health.unreadable

    write_and_read()


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.__name__)
def test_what_was_never_written_is_set_aside(kind: type[Any]) -> None:
    documents = Documents("thing", kind, StoreHealth())

    @given(
        st.binary() | st.text(st.characters(exclude_categories=())) | st.sampled_from(["[" * 5_000, "{}", '{"": ""}'])
    )
    def read(damaged: bytes | str) -> None:
        assert documents.decode("its name", damaged) is None

    read()


@dataclass(frozen=True)
class Cap:
    money: float


def test_each_unreadable_record_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    health = StoreHealth()
    documents = Documents("cap", Cap, health)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            for name in ("a", "b"):
                assert documents.decode(name, '{"money":null}') is None
    assert health.unreadable == {"cap": 2}
    assert [record.__dict__["record"] for record in caplog.records] == ["a", "b"]
    assert "null" not in caplog.text


def test_of_several_records_only_the_unstorable_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    documents = Documents("cap", Cap, StoreHealth())
    given = {("a",): Cap(1.0), ("b",): Cap(float("inf")), ("c",): Cap(2.0)}
    assert [(name, document) for name, _, document in documents.encode_each(given)] == [
        (("a",), b'{"money":1.0}'),
        (("c",), b'{"money":2.0}'),
    ]
    assert [record.__dict__["record"] for record in caplog.records] == ["b"]
