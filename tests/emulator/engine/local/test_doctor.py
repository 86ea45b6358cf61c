from __future__ import annotations

import io
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from emulator.engine.local import LocalEngine, doctor
from emulator.engine.local.doctor import DIRECT, NO_WAY, OTHERS, PARTS, PHRASES, ROUGH, Part, examine, matrix, ways
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook
from emulator.engine.local.translating.apertium import known_pairs
from emulator.engine.local.translating.translator import MODELS

BOOK = Phrasebook.load(BUILT_IN)
ALL = {*known_pairs(), *MODELS}


def test_what_works_with_everything_installed() -> None:
    found = ways(BOOK, ALL, free_speech=True)
    assert found["en", "pt"] == found["es", "it"] == DIRECT
    assert found["en", "es"] == found["pt", "fr"] == OTHERS
    assert found["de", "en"] == found["ko", "es"] == ROUGH
    assert found["en", "de"] == found["fr", "de"] == PHRASES
    assert found["en", "ja"] == found["ja", "ko"] == NO_WAY


def test_what_works_with_the_phrasebook_alone() -> None:
    found = ways(BOOK, [], free_speech=False)
    assert found["en", "es"] == found["de", "pt"] == PHRASES
    assert found["en", "ca"] == found["ko", "en"] == NO_WAY


def test_unreachable_languages_are_left_out() -> None:
    table = matrix(ways(BOOK, [], free_speech=False))
    headers = [column.header for column in table.columns]
    assert headers[0] == "from"
    assert set(headers[1:]) == set(table.columns[0].cells) == {"de", "en", "es", "fr", "it", "pt"}


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
    assert f"✗ Apertium       0 of {len(known_pairs())} language pairs" in text


@pytest.mark.engine
@pytest.mark.asyncio(loop_scope="session")
async def test_without_a_model_it_says_what_it_cannot_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: LocalEngine
) -> None:
    monkeypatch.setenv("EMULATOR_MODELS", str(tmp_path))
    monkeypatch.setattr(doctor, "LocalEngine", lambda **_: nullcontext(engine))
    out = io.StringIO()
    assert await examine(Console(file=out, width=100), modes=tmp_path) == 0
    assert "has no model.bin; only the phrasebook is recognised, in synthetic voices" in out.getvalue()


async def test_a_missing_part_fails_the_examination(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("emulator.engine.local.doctor.PARTS", (Part("recogniser", "no-such-package-anywhere"),))
    out = io.StringIO()
    assert await examine(Console(file=out, width=100), modes=tmp_path) == 1
    assert "no-such-package-anywhere is not installed" in out.getvalue()
