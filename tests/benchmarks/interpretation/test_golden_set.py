"""Reading golden sets, and whether the built-in ones are what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.interpretation import golden_set
from benchmarks.interpretation.golden_set import UnusableSet, find, read_recording
from benchmarks.interpretation.scoring import kept
from bot.interpreting.plan import Lane
from bot.interpreting.quality.language_id import identify_none
from emulator.wav import write_wav

TWO = """
languages = ["en-US", "es-ES"]

[glossary]
"Contoso" = {}
"ticket" = { es-ES = "incidencia" }

[[utterances]]
en-US = "Your ticket is closed."
es-ES = ["Su incidencia está cerrada.", "La incidencia está cerrada."]

[[utterances]]
wav = { es-ES = "adios.wav" }
en-US = "Goodbye."
es-ES = "Adiós."
"""


def write(folder: Path, text: str = TWO) -> str:
    (folder / golden_set.FILE).write_text(text, encoding="utf-8")
    write_wav(folder / "adios.wav", bytes(4800))
    return str(folder)


def test_a_script_is_spoken_in_both_languages_and_recordings_in_theirs(tmp_path: Path) -> None:
    golden = find(write(tmp_path))
    assert (golden.name, golden.languages) == (tmp_path.name, ("en-US", "es-ES"))
    assert [(one.name, one.source, one.target, one.transcript) for one in golden.utterances] == [
        ("001", "en-US", "es-ES", "Your ticket is closed."),
        ("001", "es-ES", "en-US", "Su incidencia está cerrada."),
        ("002", "es-ES", "en-US", "Adiós."),
    ]
    assert golden.utterances[0].references == ("Su incidencia está cerrada.", "La incidencia está cerrada.")
    assert [one.recording for one in golden.utterances] == [None, None, tmp_path / "adios.wav"]
    assert golden.terms.missed("My ticket", "", "en-US", "es-ES") == ["incidencia"]
    assert golden.terms.missed("Mi incidencia", "", "es-ES", "en-US") == ["ticket"]


def test_the_first_of_each_language(tmp_path: Path) -> None:
    assert [(one.name, one.source) for one in find(write(tmp_path)).first(1)] == [("001", "en-US"), ("001", "es-ES")]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["en-US", "es-ES"]', '["en-US"]', "two tags"),
        ('["en-US", "es-ES"]', '["en-US", "en-US"]', "different"),
        ('["en-US", "es-ES"]', '["en-US", "Spanish"]', "not a language tag"),
        ("[[utterances]]", "[[utterance]]", "'utterance'"),
        ('en-US = "Goodbye."', "", "utterance 002: en-US must be a text"),
        ('es-ES = "Adiós."', 'es-ES = " "', "utterance 002: es-ES must be a text"),
        ('en-US = "Goodbye."', 'fr-FR = "Adieu."', "utterance 002 has 'fr-FR'"),
        ("adios.wav", "hola.wav", "hola.wav is not in the folder"),
        ('wav = { es-ES = "adios.wav" }', "wav = 1", "wav must be"),
        ('wav = { es-ES = "adios.wav" }', 'wav = { fr-FR = "adios.wav" }', "wav has 'fr-FR'"),
        ('"Contoso" = {}', '"Contoso" = "Contoso"', "glossary must have lines"),
        ("[glossary]", "[glossary", "line"),
    ],
)
def test_what_is_wrong_with_a_set_is_said_with_its_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UnusableSet, match=golden_set.FILE) as error:
        find(write(tmp_path, TWO.replace(old, new)))
    assert message in str(error.value)


def test_an_empty_set_and_a_set_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableSet, match="no .*utterances"):
        find(write(tmp_path, 'languages = ["en-US", "es-ES"]'))
    with pytest.raises(UnusableSet, match="built-in sets are legal, medical, support"):
        find("nonsense")


def test_recordings_that_cannot_be_used(tmp_path: Path) -> None:
    assert read_recording(Path(write(tmp_path)) / "adios.wav") == bytes(4800)
    (tmp_path / "noise.wav").write_bytes(b"noise")
    with pytest.raises(UnusableSet, match="noise.wav: not a WAV file"):
        read_recording(tmp_path / "noise.wav")
    with pytest.raises(UnusableSet, match=r"none.wav: No such file"):
        read_recording(tmp_path / "none.wav")
    write_wav(tmp_path / "long.wav", bytes(2 * 61 * 8000), rate=8000)
    with pytest.raises(UnusableSet, match="longer than 60 s"):
        read_recording(tmp_path / "long.wav")


@pytest.mark.parametrize("name", ["legal", "medical", "support"])
def test_the_references_of_the_built_in_sets_keep_what_is_said(name: str) -> None:
    """No check of the bot objects to any of them, so that what it objects to in renditions is the model's."""
    golden = find(name)
    assert [sum(one.source == tag for one in golden.utterances) for tag in golden.languages] == [30, 30]
    for one in golden.utterances:
        for reference in one.references:
            found = kept(one.transcript, [], reference, Lane("", one.source, one.target), golden.terms, identify_none)
            assert found.faults == (), f"{one.transcript} → {reference}"
    counts = [
        kept(one.transcript, [], one.references[0], Lane("", one.source, one.target), golden.terms, identify_none)
        for one in golden.utterances
    ]
    assert sum(one.numbers.whole for one in counts) >= 15
    assert sum(one.terms.whole for one in counts) >= 8


def test_the_example_of_the_readme_is_a_set(tmp_path: Path) -> None:
    readme = (golden_set.BUILT_IN.parents[1] / "README.md").read_text(encoding="utf-8")
    _, _, rest = readme.partition("```toml\n")
    write_wav(tmp_path / "call-17.wav", bytes(4800))
    golden = find(write(tmp_path, rest.partition("```")[0]))
    assert [one.references for one in golden.utterances] == [
        ("Su incidencia tiene el número 482.", "El número de su incidencia es 482.")
    ]
