from __future__ import annotations

from pathlib import Path

import pytest

from emulator.engine.local.bench import table, word_errors, write


@pytest.mark.parametrize(
    ("reference", "heard", "errors"),
    [("a b c", "a b c", 0), ("a b c", "a x c", 1), ("a b c", "a c", 1), ("a b c", "a b b c", 1), ("a b", "", 2)],
)
def test_words_to_replace_add_or_remove(reference: str, heard: str, errors: int) -> None:
    assert word_errors(reference.split(), heard.split()) == errors


def test_the_table_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- measured: engine -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    for _ in range(2):
        write(page, table([("memory", "it", "1 MiB")]))
    text = page.read_text(encoding="utf-8")
    assert "| memory | it | 1 MiB |" in text
    assert text.startswith("before\n") and text.endswith("<!-- end -->\nafter\n")
    assert "old" not in text and text.count("memory") == 1
