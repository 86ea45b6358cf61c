from __future__ import annotations

import io
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from emulator.engine.local import LocalEngine, doctor
from emulator.engine.local.apertium import known_pairs
from emulator.engine.local.doctor import ANYTHING, NO_WAY, PARTS, PHRASES, PIVOT, Part, examine, matrix, ways
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook


def test_what_works_with_everything_installed() -> None:
    found = ways(Phrasebook.load(BUILT_IN), known_pairs())
    assert found["en", "es"] == ANYTHING
    assert found["en", "fr"] == PIVOT
    assert found["en", "de"] == PHRASES
    assert found["es", "en"] == PHRASES  # nothing else is heard there
    assert found["es", "ca"] == PHRASES
    assert found["de", "ca"] == found["en", "ja"] == NO_WAY


def test_what_works_without_apertium() -> None:
    found = ways(Phrasebook.load(BUILT_IN), [])
    assert found["en", "es"] == found["de", "pt"] == PHRASES
    assert found["en", "ca"] == NO_WAY


def test_unreachable_languages_are_left_out() -> None:
    table = matrix(ways(Phrasebook.load(BUILT_IN), []))
    headers = [column.header for column in table.columns]
    assert headers[0] == "from"
    assert set(headers[1:]) == {"de", "en", "es", "fr", "it", "pt"}


def test_a_missing_part_has_no_version() -> None:
    assert Part("nothing", "no-such-package-anywhere").version is None
    assert all(part.version for part in PARTS)


@pytest.mark.engine
@pytest.mark.asyncio(loop_scope="session")
async def test_the_examination_proves_that_it_works(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "LocalEngine", lambda **_: nullcontext(engine))
    out = io.StringIO()
    assert await examine(Console(file=out, width=100), modes=tmp_path) == 0
    text = out.getvalue()
    assert "“Good morning, everyone.” was interpreted as “Buenos días a todos.”" in text
    assert "phrasebook only" in text


async def test_a_missing_part_fails_the_examination(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("emulator.engine.local.doctor.PARTS", (Part("recogniser", "no-such-package-anywhere"),))
    out = io.StringIO()
    assert await examine(Console(file=out, width=100), modes=tmp_path) == 1
    assert "no-such-package-anywhere is not installed" in out.getvalue()
