from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.glossary import GlossaryEntries, GlossaryEntry
from bot.interpreting.plan import AUTO, Lane
from bot.interpreting.quality.checks import Fault, Guard, begins_in_source, examine, is_doubtful
from bot.interpreting.quality.language_id import identify_none
from bot.live_room import language_detection

ADA = "8:acs:ada"
EN_ES = Lane(ADA, "en-US", "es-ES")
ES_EN = Lane(ADA, "es-ES", "en-US")
EN_DE = Lane(ADA, "en-GB", "de-DE")
AUTO_EN = Lane(ADA, AUTO, "en-US")
EN_JA = Lane(ADA, "en-US", "ja-JP")
NO_TERMS = GlossaryEntries()

SAID = "The meeting will begin in the large room on the second floor."
RIGHT = "La reunión comenzará en la sala grande del segundo piso."


def faults(original: str | None, interpretation: str, lane: Lane = EN_ES, *terms: GlossaryEntry) -> tuple[Fault, ...]:
    return examine(original, interpretation, lane, GlossaryEntries(terms), language_detection.load())


@pytest.mark.parametrize("original", [SAID, SAID.lower().rstrip("."), None])
def test_a_faithful_interpretation_has_no_faults(original: str | None) -> None:
    assert faults(original, RIGHT) == ()


# --- empty, echo, language --------------------------------------------------------------------


@pytest.mark.parametrize("nothing", ["", "  ", "…", " - \n"])
def test_something_was_said_and_nothing_came(nothing: str) -> None:
    assert faults(SAID, nothing) == (Fault.EMPTY,)


def test_nothing_comes_of_nothing() -> None:
    assert faults(None, "") == ()
    assert faults("...", "") == ()


def test_silence_is_right_when_the_target_language_was_spoken_already() -> None:
    assert faults("We have been waiting for the report.", "", AUTO_EN) == ()
    assert faults("Hemos estado esperando el informe.", "", AUTO_EN) == (Fault.EMPTY,)
    assert faults("Zzyzx", "", AUTO_EN) == ()  # nobody can tell


def test_the_original_once_more_is_an_echo() -> None:
    assert set(faults(SAID, SAID)) == {Fault.ECHO, Fault.LANGUAGE}
    assert set(faults("Hemos estado esperando el informe.", "hemos estado esperando el informe", AUTO_EN)) == {
        Fault.ECHO,
        Fault.LANGUAGE,
    }


def test_names_and_common_words_are_the_same_in_both_languages() -> None:
    assert faults("No.", "No.") == ()
    assert faults("Hotel Madrid.", "Hotel Madrid.") == ()
    assert faults("Maria Lopez", "Maria Lopez", Lane(ADA, AUTO, "en-US")) == ()


def test_an_echo_in_languages_that_are_not_told_apart() -> None:
    czech = "Dobrý den, jak se máte?"
    assert faults(czech, czech, Lane(ADA, "cs-CZ", "sq-AL")) == (Fault.ECHO, Fault.LANGUAGE)
    assert faults(czech, czech, Lane(ADA, "cs-CZ", "xx")) == (Fault.ECHO,), "nobody knows that language"


def test_more_of_the_source_language_than_of_the_target_is_an_echo() -> None:
    nearly = "Todos nos sentimos orgullosos."
    assert Fault.ECHO in faults(nearly, nearly, Lane(ADA, "es-ES", "fr-FR"))


@pytest.mark.parametrize("original", [SAID, None])
def test_another_language_than_the_target(original: str | None) -> None:
    french = "La réunion commencera dans la grande salle du deuxième étage."
    assert faults(original, french) == (Fault.LANGUAGE,)


def test_another_script_than_the_target() -> None:
    assert faults(None, RIGHT, EN_JA) == (Fault.LANGUAGE,)
    assert faults(None, "会議は二階の大きな部屋で始まります。", EN_JA) == ()
    assert faults(None, "会議は二階の大きな部屋で始まります。") == (Fault.LANGUAGE,)


def test_terms_keep_their_letters_in_any_script() -> None:
    name = GlossaryEntry("northwind traders international")
    assert faults(None, "northwind traders international です", EN_JA, name) == ()
    assert faults(None, "northwind traders international です", EN_JA) == (Fault.LANGUAGE,)
    assert faults(None, "Northwind Traders International です", EN_JA) == (), "a name"


def test_a_tag_may_name_the_script() -> None:
    serbian = Lane(ADA, "en-US", "sr-Latn-RS")
    assert faults(None, "Састанак почиње у девет сати.", serbian) == (Fault.LANGUAGE,)
    assert faults(None, "Sastanak počinje u devet sati.", serbian) == ()


def test_accents_may_stand_alone() -> None:
    assert faults(None, "Mostrar informacio\u0301n de la versio\u0301n y salir.") == ()


def test_a_clause_is_as_long_as_a_name() -> None:
    assert faults("Write the SOCKS proxy to the file.", "SOCKS代理写到文件。", Lane(ADA, "en", "zh-CN")) == ()
    assert faults("My brother works in a large hospital.", "우리 형은 큰 병원에서 일해요.", Lane(ADA, "en", "ko")) == ()


# --- the model's own words ----------------------------------------------------------------------


@pytest.mark.parametrize("original", [SAID, None])
@pytest.mark.parametrize(
    "before", ["Claro, aquí tienes la traducción:", "Traducción:", "Como modelo de lenguaje, traduzco:"]
)
def test_a_model_that_speaks_of_its_work(original: str | None, before: str) -> None:
    assert Fault.ASSISTANT in faults(original, f"{before} {RIGHT}")


def test_people_offer_help_as_well() -> None:
    assert faults("How can I help you?", "¿Cómo puedo ayudarle?") == ()
    assert Fault.ASSISTANT in faults(SAID, "¿Cómo puedo ayudarle?")
    assert faults(None, "¿Cómo puedo ayudarle?") == ()


def test_offers_in_languages_whose_phrases_are_not_known_are_let_pass() -> None:
    assert faults("W czym mogę pomóc?", "How can I help you?", Lane(ADA, "pl-PL", "en-US")) == ()


# --- questions -------------------------------------------------------------------------------------


def test_an_answer_is_no_translation_of_a_question() -> None:
    assert faults("What is the capital of France?", "La capital de Francia es París.") == (Fault.QUESTION,)
    assert faults("What is the capital of France?", "¿Cuál es la capital de Francia?") == ()


def test_a_statement_does_not_become_a_question() -> None:
    assert faults("The report is ready.", "¿El informe está listo?") == (Fault.QUESTION,)


def test_where_the_original_leaves_it_open_nothing_is_said() -> None:
    assert faults("you are coming tomorrow", "¿Viene usted mañana?") == ()
    assert faults("you are coming tomorrow", "Usted viene mañana.") == ()


# --- numbers and terms -------------------------------------------------------------------------------


def test_numbers_are_kept() -> None:
    assert faults("We need 25 chairs.", "Necesitamos veinticinco sillas.") == ()
    assert faults("We need 25 chairs.", "Necesitamos treinta y cinco sillas.") == (Fault.NUMBER,)
    assert faults("We need 25 chairs.", "Necesitamos sillas.") == (Fault.NUMBER,)
    assert faults("We need chairs.", "Necesitamos 25 sillas.") == (Fault.NUMBER,)


def test_terms_are_kept() -> None:
    pier = GlossaryEntry("pier", {"es-ES": "muelle"})
    assert faults("Wait at the pier.", "Espere en el muelle.", EN_ES, pier) == ()
    assert faults("Wait at the pier.", "Espere en el puerto.", EN_ES, pier) == (Fault.TERM,)
    assert faults(None, "Espere en el puerto.", EN_ES, pier) == ()


# --- length, endings, repetition -----------------------------------------------------------------------


def test_an_interpretation_is_about_as_long_as_its_original() -> None:
    assert faults(SAID, "La reunión.") == (Fault.LENGTH,)
    assert faults(SAID, f"{RIGHT} Después podremos hablar de todo lo demás con tranquilidad.") == (Fault.LENGTH,)


def test_short_originals_become_anything() -> None:
    assert faults("Sure.", "Por supuesto que sí, con mucho gusto.") == ()


def test_digits_may_become_words() -> None:
    assert faults("The code is 77 77 77 77.", "El código es setenta y siete setenta y siete setenta y siete, "
                  "setenta y siete.") == ()  # fmt: skip


def test_without_a_language_length_tells_nothing() -> None:
    assert faults("Zzyzx qwrt plmk bvcx trgh klmn prst wxyz", "Yes.", AUTO_EN) == ()


@pytest.mark.parametrize("ending", ["comenzará en la", "comenzará en la sala,", "comenzará en la sala grande del"])
def test_it_ends_in_the_middle_of_a_phrase(ending: str) -> None:
    assert faults(None, f"La reunión {ending}") == (Fault.UNFINISHED,)


def test_so_may_the_speaker() -> None:
    assert faults("The meeting will begin in the", "La reunión comenzará en la") == ()
    assert faults(None, "La reunión comenzará") == ()
    assert faults(None, "42", Lane(ADA, "en-US", "es-ES")) == ()
    assert faults(None, "Spotkanie w", Lane(ADA, "en-US", "pl-PL")) == ()


def test_the_same_twice() -> None:
    assert faults(None, f"{RIGHT} {RIGHT}") == (Fault.REPEATED,)
    assert faults(None, "会議は始まります会議は始まります", EN_JA) == (Fault.REPEATED,)
    assert faults(None, "No, no, no, no.") == ()
    assert faults("Come on in, come on in.", "Pase por aquí, pase por aquí.") == ()


# --- laws ---------------------------------------------------------------------------------------------------

_TAGS = st.sampled_from(
    ["en-US", "es-ES", "fr", "de-DE", "it", "pt-BR", "nl", "ca", "ja-JP", "zh-Hant-TW", "el", "th", "xx"]
)
_PIECES = st.sampled_from(
    """1,250.75 14:30 3.5. ½ and_a_half million trillion hundred point five y_media veinte quatre-vingt XXI 24/7
    2026-11-20 1990s 5bn B2B ten_to menos halb viertel_nach ? ¿ . , the Als_KI tausendfünf duemila ٣ 漢字 ひ \u0301
    \x00 ß İ - '""".split()
).map(lambda piece: piece.replace("_", " "))
_TEXTS = st.one_of(st.text(), st.lists(_PIECES, max_size=14).map(" ".join))


@given(st.none() | _TEXTS, _TEXTS, st.sampled_from([AUTO, "en", "es", "fr", "de", "it", "pt-PT", "ru"]), _TAGS)
def test_any_text_can_be_examined_and_twice_alike(
    original: str | None, interpretation: str, source: str, target: str
) -> None:
    lane = Lane(ADA, source, target)
    terms = GlossaryEntries((GlossaryEntry("Contoso"), GlossaryEntry("pier", {"es": "muelle", "ja": "桟橋"})))
    found = examine(original, interpretation, lane, terms)
    assert found == examine(original, interpretation, lane, terms)
    assert list(found) == [fault for fault in Fault if fault in found]


@given(_TEXTS)
def test_what_an_unknown_original_shows_is_shown_by_a_known_one_too(interpretation: str) -> None:
    alone = set(examine(None, interpretation, EN_ES, NO_TERMS)) - {Fault.UNFINISHED, Fault.REPEATED, Fault.ASSISTANT}
    assert alone <= set(examine(SAID, interpretation, EN_ES, NO_TERMS))


def test_what_goes_on_without_end_is_still_examined_in_time() -> None:
    endless = "twenty-three and 14:30, " * 40_000
    assert Fault.LENGTH in examine(SAID, endless, ES_EN, NO_TERMS)
    assert Fault.LENGTH in examine(SAID, endless, EN_DE, NO_TERMS)


@pytest.mark.parametrize(
    ("original", "beginning", "lane", "doubtful"),
    [
        (None, "Hola, buenas tardes", EN_ES, False),
        (None, "¡Hola! ¿En qué puedo ayudarte?", EN_ES, True),
        ("", "Hola", EN_ES, True),
        ("How can I help?", "¿En qué puedo ayudar", EN_ES, False),
        ("We will see.", "¿En qué puedo ayudar", EN_ES, True),
        ("What time is it?", "¿Qué", EN_ES, False),
        ("What time is it?", "Son las", EN_ES, True),
        ("¿Qué hora es?", "What", ES_EN, False),
        ("¿Qué hora es?", "It is", ES_EN, True),
        ("What time is it?", "Която", Lane("a", "en-US", "bg-BG"), False),
        ("It is three.", "Son las", EN_ES, False),
    ],
)
def test_a_beginning_may_be_the_models_own(original: str | None, beginning: str, lane: Lane, doubtful: bool) -> None:
    assert is_doubtful(original, beginning, lane, identify_none) is doubtful
    assert Guard().is_doubtful(original, beginning, lane) is doubtful


@pytest.mark.parametrize(
    ("original", "beginning", "shown"),
    [
        (None, "Como modelo de lenguaje", True),
        (None, "Lo siento, no puedo ayudarte con eso", False),
        ("We will see.", "Lo siento, no puedo ayudarte con eso", True),
        ("We will see.", "Ya veremos qué pasa", False),
        ("We will see.", "Мы посмотрим", True),
        ("", "Ya veremos qué pasa", True),
        ("", "Mm", False),
    ],
)
def test_some_faults_are_shown_by_the_first_words(original: str | None, beginning: str, shown: bool) -> None:
    assert Guard().shows_early(original, beginning, EN_ES, NO_TERMS) is shown


@pytest.mark.parametrize("original", ["", " ...", "\n"])
@pytest.mark.parametrize(
    ("lane", "interpretation", "found"),
    [
        (EN_ES, "¡Hola! ¿En qué puedo ayudarte hoy?", (Fault.INVENTED,)),
        (EN_JA, "どうぞお話しください", (Fault.INVENTED,)),
        (EN_ES, "Mm-hm.", ()),
        (EN_ES, "Ajá", ()),
    ],
)
def test_where_nothing_was_said_a_noise_may_come_and_no_sentence(
    original: str, lane: Lane, interpretation: str, found: tuple[Fault, ...]
) -> None:
    assert Guard().examine(original, interpretation, lane, NO_TERMS) == found


@pytest.mark.parametrize(
    ("lane", "found", "suspect"),
    [
        (Lane("a", "en-US", "es-ES"), "en", True),
        (Lane("a", "en-US", "es-ES"), "es", False),
        (Lane("a", "en-US", "es-ES"), None, False),
        (Lane("a", AUTO, "es-ES"), "en", False),
        (Lane("a", "nb-NO", "da-DK"), "nb", False),
    ],
)
def test_a_beginning_is_suspect_if_it_is_rather_in_the_source_language(
    lane: Lane, found: str | None, suspect: bool
) -> None:
    assert begins_in_source("I'm an", lane, lambda text, languages: found) is suspect
    assert Guard(lambda text, languages: found).begins_in_source("I'm an", lane) is suspect
