from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.interpreting.glossary import GlossaryEntries, GlossaryEntry, revise

PIER = GlossaryEntry("pier", {"es-ES": "muelle", "fr": "jetée"})
CONTOSO = GlossaryEntry("Contoso")


def says(text: str, wording: str) -> bool:
    """Whether a text says a word, which is wanted as `x` in an interpretation that has nothing of it."""
    return bool(GlossaryEntries((GlossaryEntry(wording, {"es": "x"}),)).missed(text, "", "en", "es"))


def test_a_protected_term_is_itself_in_every_language() -> None:
    assert CONTOSO.protected
    assert CONTOSO.wording("ja-JP") == "Contoso"
    assert CONTOSO.spoken("auto") == ("Contoso",)


@pytest.mark.parametrize(
    ("language", "wording"),
    [("es-ES", "muelle"), ("es-MX", "muelle"), ("es", "muelle"), ("fr-CA", "jetée"), ("de-DE", None), ("auto", None)],
)
def test_the_nearest_wording_is_found(language: str, wording: str | None) -> None:
    assert not PIER.protected
    assert PIER.wording(language) == wording


def test_a_speaker_may_use_the_word_of_their_language_or_the_term_itself() -> None:
    assert PIER.spoken("es-MX") == ("muelle", "pier")


@pytest.mark.parametrize("language", ["auto", "de-DE"])
def test_in_a_language_nobody_has_named_any_wording_may_be_said(language: str) -> None:
    assert PIER.spoken(language) == ("muelle", "jetée", "pier")


def test_only_terms_that_are_wanted_in_the_target_language_count_in_a_lane() -> None:
    terms = GlossaryEntries((PIER, CONTOSO))
    assert list(terms.into("fr-FR", "es-ES")) == [(("jetée", "pier"), "muelle"), (("Contoso",), "Contoso")]
    assert list(terms.into("es-ES", "de-DE")) == [(("Contoso",), "Contoso")]


def test_a_term_is_taken_for_a_word_of_the_one_language_that_is_left() -> None:
    given = {"pier": {"es-ES": "muelle"}, "Contoso": {}}
    room = GlossaryEntries.of(given, ("en-US", "es-ES"))
    assert list(room.into("es-ES", "en-US")) == [(("muelle", "pier"), "pier"), (("Contoso",), "Contoso")]
    bigger = GlossaryEntries.of(given, ("en-US", "es-ES", "fr-FR"))
    assert list(bigger.into("es-ES", "en-US")) == [(("Contoso",), "Contoso")]


@pytest.mark.parametrize(
    ("wording", "text"),
    [
        ("pier", "Two Piers, please."),
        ("jetée", "LA JETEE"),
        ("jetée", "la jete\u0301e"),  # the accent as a sign of its own
        ("frame agreement", "a frame-agreement"),
        ("frame agreement", "both frame agreements"),
        ("ordine d'acquisto", "tutti gli ordini d’acquisto"),
        ("Rahmenvertrag", "des Rahmenvertrages zwei Rahmenverträgen"),
        ("Straße", "STRASSE"),
        ("api", "the APIs"),
        ("договор", "по договору"),
        ("契約", "この契約は"),
        ("계약", "계약을"),
        ("Contoso", "Contoso's"),
    ],
)
def test_terms_are_found_as_people_write_them(wording: str, text: str) -> None:
    assert says(text, wording)


@pytest.mark.parametrize(
    ("wording", "text"),
    [
        ("pier", "the pierced ear"),
        ("in", "inn"),
        ("api", "a rapid one"),
        ("frame agreement", "the frame of an agreement"),
        ("он", "она"),
        ("契約", "約契"),
        ("pier", ""),
    ],
)
def test_and_not_within_other_words(wording: str, text: str) -> None:
    assert not says(text, wording)


def test_a_term_of_nothing_but_signs_is_never_missed() -> None:
    assert GlossaryEntries((GlossaryEntry("-"),)).missed("anything", "nothing", "en", "es") == []
    assert revise("a - b", "es", GlossaryEntries(), GlossaryEntries((GlossaryEntry("-", {"es": "x"}),))) is None


def test_missed_are_the_terms_that_were_said_and_did_not_arrive() -> None:
    terms = GlossaryEntries((PIER, CONTOSO))
    missed = terms.missed("La jetée de Contoso.", "El puerto de Contoso.", "fr", "es-ES")
    assert missed == ["muelle"]
    assert terms.missed("La jetée.", "Los muelles.", "fr", "es-ES") == []
    assert terms.missed("Bonjour.", "Hola.", "fr", "es-ES") == []
    assert GlossaryEntries().missed("La jetée.", "El puerto.", "fr", "es-ES") == []


def test_a_term_that_stays_as_it_is_takes_no_endings() -> None:
    terms = GlossaryEntries((GlossaryEntry("Fabrika"),))
    assert terms.missed("We visit Fabrika.", "Visitamos Fabrikas.", "en", "es") == []
    assert terms.missed("We visit Fabrika.", "Visitamos Fabriko.", "en", "es") == ["Fabrika"]


# --- corrections -----------------------------------------------------------------------------


def _revised(text: str, before: GlossaryEntries, after: GlossaryEntries, language: str = "es-ES") -> str | None:
    return revise(text, language, before, after)


def test_a_corrected_wording_takes_the_place_of_the_former() -> None:
    after = GlossaryEntries((GlossaryEntry("pier", {"es-ES": "embarcadero"}),))
    assert _revised("El Muelle y los muelles.", GlossaryEntries((PIER,)), after) == "El embarcadero y los embarcaderos."
    assert (
        _revised("Muelle nuevo. Muelle viejo.", GlossaryEntries((PIER,)), after)
        == "Embarcadero nuevo. Embarcadero viejo."
    )
    assert _revised("Nada de eso.", GlossaryEntries((PIER,)), after) is None


def test_a_new_term_that_was_left_untranslated_is_replaced() -> None:
    assert _revised("Vamos al pier.", GlossaryEntries(), GlossaryEntries((PIER,))) == "Vamos al muelle."


def test_a_term_protected_now_goes_back_to_itself() -> None:
    assert (
        _revised("Vamos al muelle.", GlossaryEntries((PIER,)), GlossaryEntries((GlossaryEntry("pier"),)))
        == "Vamos al pier."
    )


def test_what_no_glossary_says_stays() -> None:
    assert (
        _revised("El muelle.", GlossaryEntries((PIER,)), GlossaryEntries()) is None
    )  # removed: nobody has said what instead
    assert _revised("El muelle.", GlossaryEntries((PIER,)), GlossaryEntries((PIER, CONTOSO))) is None
    assert (
        _revised("Der Kai.", GlossaryEntries((PIER,)), GlossaryEntries((GlossaryEntry("pier", {"fr": "quai"}),)), "de")
        is None
    )


def test_a_wording_that_holds_the_former_is_not_lengthened_twice() -> None:
    before = GlossaryEntries((GlossaryEntry("frame agreement", {"es": "acuerdo"}),))
    after = GlossaryEntries((GlossaryEntry("frame agreement", {"es": "acuerdo marco"}),))
    once = _revised("El acuerdo.", before, after)
    assert once == "El acuerdo marco."
    assert _revised(once, before, after) is None


def test_two_terms_change_places_and_the_longer_one_wins() -> None:
    before = GlossaryEntries(
        (GlossaryEntry("a", {"es": "uno"}), GlossaryEntry("b", {"es": "dos"}), GlossaryEntry("c", {"es": "dos uno"}))
    )
    after = GlossaryEntries(
        (GlossaryEntry("a", {"es": "dos"}), GlossaryEntry("b", {"es": "uno"}), GlossaryEntry("c", {"es": "tres"}))
    )
    assert _revised("uno, dos; dos uno", before, after) == "dos, uno; tres"


_WORDS = st.text(alphabet=st.sampled_from("aeßi ñÉ'-é漢한жh\u0301."), max_size=12)
_TERMS = st.builds(
    GlossaryEntries,
    st.lists(st.builds(GlossaryEntry, _WORDS, st.dictionaries(st.sampled_from(["es", "fr"]), _WORDS)), max_size=4).map(
        tuple
    ),
)


@given(st.text(), _TERMS, _TERMS)
def test_any_text_and_any_glossary_can_be_looked_at(text: str, before: GlossaryEntries, after: GlossaryEntries) -> None:
    assert revise(text, "es", before, before) is None
    revised = revise(text, "es", before, after)
    assert revised is None or revised != text
    assert isinstance(after.missed(text, text, "fr", "es"), list)


@example("ßж.-a", "", "")  # a sign where a declined word would have its ending
@given(_WORDS, st.text(), st.text())
def test_a_term_is_found_wherever_it_stands_by_itself(wording: str, before: str, after: str) -> None:
    assert says(f"{before} {wording} {after}", wording)
