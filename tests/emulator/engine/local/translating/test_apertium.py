from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from emulator.engine.base import EngineError
from emulator.engine.local.translating.apertium import MAX_TEXT, Pipeline, command, installed_pairs, known_pairs

INSTALLED = installed_pairs()
needs_apertium = pytest.mark.skipif(("en", "es") not in INSTALLED, reason="Apertium's English-Spanish is not installed")


def test_a_mode_file_becomes_a_command_that_stays_open() -> None:
    mode = "lt-proc -w '/share/a b.bin' | cg-proc '/share/a.rlx' |apertium-tagger -g $2 '/share/a.prob'| lt-proc $1 x"
    assert command(mode) == (
        "lt-proc -z -w '/share/a b.bin' | cg-proc -z /share/a.rlx | apertium-tagger -z -g /share/a.prob | "
        "lt-proc -z -n x"
    )


def test_only_pairs_whose_mode_file_is_there_count(tmp_path: Path) -> None:
    assert installed_pairs(tmp_path) == {}
    for name in ("fra-cat", "unheard-of"):
        (tmp_path / f"{name}.mode").touch()
    assert installed_pairs(tmp_path) == {("fr", "ca"): tmp_path / "fra-cat.mode"}


def test_every_pair_goes_both_ways() -> None:
    assert known_pairs() == {(target, source) for source, target in known_pairs()}


async def test_programs_that_cannot_start_are_an_error(tmp_path: Path) -> None:
    mode = tmp_path / "none.mode"
    mode.write_text("true")
    with pytest.raises(EngineError, match="none gave no answer"):
        await Pipeline(mode).translate("hello")


@pytest_asyncio.fixture
async def pipeline() -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(INSTALLED["en", "es"])
    try:
        yield pipeline
    finally:
        await pipeline.close()


@needs_apertium
@pytest.mark.engine
class TestPipeline:
    async def test_it_translates(self, pipeline: Pipeline) -> None:
        assert await pipeline.translate("We have a blue table.") == "Tenemos una mesa azul."

    async def test_sentences_do_not_mix(self, pipeline: Pipeline) -> None:
        texts = ["the house", "the table", "the book"] * 3
        found = await asyncio.gather(*map(pipeline.translate, texts))
        assert found == ["La casa", "La mesa", "El libro"] * 3

    @pytest.mark.parametrize("signs", ["[ ]", "{ }", "^ $", "< >", "/ \\ @", "\0", "\n"])
    async def test_its_own_signs_are_just_text(self, pipeline: Pipeline, signs: str) -> None:
        expected = f"La casa {signs} la mesa".replace("\0", " ").split()
        assert (await pipeline.translate(f"the house {signs} the table")).split() == expected
        assert await pipeline.translate("the house") == "La casa"

    async def test_unknown_words_stay_as_they_are(self, pipeline: Pipeline) -> None:
        assert "Xyzzyq" in await pipeline.translate("the house of Xyzzyq")

    async def test_a_cancelled_sentence_leaves_no_answer_behind(self, pipeline: Pipeline) -> None:
        await pipeline.translate("the house")
        task = asyncio.create_task(pipeline.translate("the table"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await pipeline.translate("the book") == "El libro"

    async def test_it_starts_again_after_a_program_dies(self, pipeline: Pipeline) -> None:
        await pipeline.translate("the house")
        programs = [child for child in psutil.Process().children(recursive=True) if child.name() == "lrx-proc"]
        assert programs
        for program in programs:
            program.kill()
        with pytest.raises(EngineError, match="eng-spa gave no answer"):
            await pipeline.translate("the table")
        assert await pipeline.translate("the book") == "El libro"

    async def test_closing_ends_all_its_programs(self, pipeline: Pipeline) -> None:
        others = set(psutil.Process().children(recursive=True))
        await pipeline.translate("the house")
        programs = [one for one in psutil.Process().children(recursive=True) if one not in others]
        assert programs
        await pipeline.close()
        _, alive = psutil.wait_procs(programs, timeout=30)
        assert [one.name() for one in alive if one.name() != "python"] == []

    async def test_a_text_too_long_is_refused(self, pipeline: Pipeline) -> None:
        with pytest.raises(EngineError, match="at most 5000 can be translated"):
            await pipeline.translate("a" * (MAX_TEXT + 1))
