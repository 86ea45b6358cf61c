from __future__ import annotations

import json
from pathlib import Path

from emulator.journal import Journal


def test_entries_are_numbered_and_on_one_clock() -> None:
    journal = Journal()
    journal.note("call.started", room_id="1")
    journal.note("call.ended", room_id="1")
    first, second = journal.entries()
    assert (first["seq"], second["seq"], journal.last_seq) == (1, 2, 2)
    assert isinstance(first["at"], float)
    assert first["at"] <= float(str(second["at"]))


def test_entries_are_found_by_kind_family_number_and_field() -> None:
    journal = Journal()
    journal.note("call.started", room_id="1")
    journal.note("callback", status=200)
    journal.note("call.started", room_id="2")
    assert [entry["room_id"] for entry in journal.entries("call")] == ["1", "2"]
    assert [entry["room_id"] for entry in journal.entries("call.started", since=1)] == ["2"]
    assert [entry["seq"] for entry in journal.entries(room_id="1")] == [1]
    assert [entry["seq"] for entry in journal.entries("callback")] == [2]
    assert journal.entries("nothing") == []


def test_entries_are_found_by_text() -> None:
    journal = Journal()
    journal.note("http", status=200, fault=False, path="/rooms")
    journal.note("http", status=404, fault=True, path="/rooms", body={"error": {"code": "NotFound"}})
    journal.note("http", status=404, fault=False, path=None)

    def found(words: dict[str, str], since: int = 0, until: int | None = None) -> list[object]:
        return [entry["seq"] for entry in journal.find("http", since, until, words)]

    assert found({}) == [1, 2, 3]
    assert found({}, since=1) == [2, 3]
    assert found({}, until=2) == [1, 2]
    assert found({"status": "404"}) == [2, 3]
    assert found({"status": "404", "fault": "true"}) == [2]
    assert found({"path": "null"}) == [3]
    assert found({"body.error.code": "NotFound"}) == [2]
    assert found({"path.error": "NotFound"}) == found({"nothing": "x"}) == []
    assert [entry["seq"] for entry in journal.entries("http", until=1)] == [1]


def test_the_oldest_entries_go_and_are_counted() -> None:
    journal = Journal(capacity=3)
    for number in range(5):
        journal.note("n", number=number)
    assert [entry["number"] for entry in journal.entries()] == [2, 3, 4]
    assert journal.dropped == 2
    assert journal.last_seq == 5


def test_the_file_has_a_json_object_per_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path=path)
    journal.note("call.started", room_id="1", where=tmp_path, counts={1: 2})
    written = path.read_text().splitlines()  # before closing: a killed process leaves whole lines
    journal.close()
    assert [json.loads(line)["kind"] for line in written] == ["call.started"]
    journal.note("after", x=1)
    assert path.read_text().count("\n") == 1
