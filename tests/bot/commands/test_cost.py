"""`python -m bot cost`: the table, the document, and arguments that make no sense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.__main__ import main


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Prices are read from the environment and from `.env`; no other setting is needed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODEL_PRICES", raising=False)


def test_the_table_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--languages", "4", "--people", "12", "--hours", "2"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("2 h, 12 people of whom 4 speak, 4 languages, 0 listeners: simultaneous, layout sister\n")
    rows = [line.rsplit(None, 1) for line in text.splitlines() if line[:1].isalpha()]
    costs = [float(cost) for what, cost in rows if "." in cost and cost.replace(".", "").isdigit()]
    *items, total, per_hour = costs
    assert total == pytest.approx(sum(items), abs=0.05)
    assert per_hour == pytest.approx(total / 2, abs=0.01)
    assert "audio streaming of interpreters" in text
    assert "not counted" in text
    assert "A translation session is billed while it is open" in text


def test_the_document_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["currency"] == "USD"
    assert document["total"] == pytest.approx(sum(item["cost"] or 0 for item in document["items"]))
    assert {item["price"] for item in document["items"] if item["cost"] is None} == {"media_stream"}


def test_own_prices(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    prices = {"currency": "EUR", "per_million_tokens": {}, "per_minute": {"participant": 1.0}}
    monkeypatch.setenv("MODEL_PRICES", json.dumps(prices))
    assert main(["cost", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 180.0
    assert main(["cost"]) == 0
    assert "Prices: MODEL_PRICES, and published lists for the rest." in capsys.readouterr().out


def test_prices_that_make_no_sense(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MODEL_PRICES", "{")
    assert main(["cost"]) == 2
    assert "MODEL_PRICES: is not JSON" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--languages", "1"],
        ["--languages", "101"],
        ["--people", "0"],
        ["--hours", "0"],
        ["--hours", "nan"],
        ["--hours", "x"],
        ["--people", "2.5"],
        ["--talk", "0"],
        ["--listeners", "-1"],
        ["--engine", "human"],
        ["--rooms", "1"],
        ["4"],
    ],
)
def test_arguments_that_make_no_sense(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cost", *arguments])
    assert ended.value.code == 2
    refusal = capsys.readouterr().err
    assert "usage: python -m bot" in refusal and "invalid _" not in refusal
