from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.quality.number_words import numeral
from bot.interpreting.quality.numbers import differ, mentions

SAME = [
    ("en", "two hundred and fifty thousand", "de", "zweihundertfünfzigtausend"),
    ("en", "two hundred and fifty thousand", "it", "duecentocinquantamila"),
    ("fr", "quatre-vingt-dix-neuf mille deux cent trois", "en", "99,203"),
    ("fr", "soixante et onze", "pt", "setenta e um"),
    ("fr", "quatre-vingts", "de", "achtzig"),
    ("fr", "mille cent", "en", "eleven hundred"),
    ("es", "ciento veintiún mil", "en", "121,000"),
    ("es", "setecientas mil", "fr", "700 000"),
    ("es", "dos mil quinientos millones", "en", "2.5 billion"),
    ("es", "dos millones y medio", "en", "two and a half million"),
    ("en", "three million two hundred thousand", "es", "tres millones doscientos mil"),
    ("en", "two billion three hundred million", "de", "2.300.000.000"),
    ("pt", "mil novecentos e oitenta e quatro", "it", "millenovecentottantaquattro"),
    ("en", "nineteen eighty-four", "de", "neunzehnhundertvierundachtzig"),
    ("en", "twenty twenty-six", "de", "zweitausendsechsundzwanzig"),
    ("en", "a thousand and one nights", "es", "las mil y una noches"),
    ("de", "tausend Nächte", "en", "1000 nights"),
    ("de", "hundertfünf", "fr", "cent cinq"),
    ("en", "in the 1990s", "de", "in den 90ern"),
    ("en", "1,250,000.5", "de", "1.250.000,5"),
    ("en", "1.250", "de", "1,250"),
    ("fr", "1 250 000", "it", "1.250.000"),
    ("en", "three point one four", "de", "drei Komma eins vier"),
    ("fr", "trois virgule quatorze", "en", "3.14"),
    ("en", "two point five million", "es", "2,5 millones"),
    ("en", "2.5 percent", "es", "un 2,5 por ciento"),
    ("en", "$5M", "es", "cinco millones de dólares"),
    ("en", "1.2bn", "de", "1,2 Mrd"),
    ("en", "50k", "de", "50.000"),
    ("en", "third", "fr", "troisième"),
    ("de", "am zwanzigsten", "it", "il ventesimo"),
    ("fr", "le vingt et unième", "en", "the 21st"),
    ("en", "the twenty-first century", "es", "el siglo XXI"),
    ("en", "IX", "pt", "nove"),
    ("en", "at 14:30", "de", "um 14 Uhr 30"),
    ("en", "at fourteen thirty", "fr", "à 14 h 30"),
    ("en", "at two thirty", "es", "a las dos y media"),
    ("en", "at 14:30", "de", "um vierzehn Uhr dreißig"),
    ("en", "at 3 pm", "es", "a las 15"),
    ("en", "at 11 pm", "de", "um 23 Uhr"),
    ("en", "at half past eight", "de", "um halb neun"),
    ("fr", "à huit heures et demie", "en", "at 8:30"),
    ("en", "at a quarter to five", "fr", "à 16 h 45"),
    ("en", "ten to five", "es", "las cinco menos diez"),
    ("de", "zehn vor fünf", "en", "4:50 pm"),
    ("de", "um 14.30 Uhr", "en", "at 2:30 pm"),
    ("en", "8 and a half hours", "it", "8,5 ore"),
    ("en", "an hour and a half", "es", "una hora y media"),
    ("en", "half an hour", "de", "30 Minuten"),
    ("en", "ten to fifteen people", "de", "10 bis 15 Personen"),
    ("en", "May the fourth, 2026", "de", "04.05.2026"),
    ("de", "am 24.12. um acht", "en", "on December 24 at eight"),
    ("en", "Version 3.5. Then", "de", "Version 3,5. Dann"),
    ("en", "two weeks", "fr", "quinze jours"),
    ("en", "both of them", "fr", "les deux"),
    ("en", "five five five one two three", "es", "555123"),
    ("en", "B2B", "es", "entre empresas"),
    ("en", "one of us, at first", "it", "uno di noi, in un primo momento"),
    ("it", "grazie mille", "en", "thank you very much"),
    ("it", "tu sei qui", "en", "you are here"),
    ("it", "Milano", "en", "Milan"),
    ("fr", "un nouvel appartement neuf", "en", "a new flat"),
    ("de", "Achten Sie auf den Hund", "en", "mind the dog"),
    ("pt", "na segunda-feira", "en", "on Monday"),
    ("en", "a hundred percent", "it", "il cento per cento"),
    ("en", "one hundred hundred", "de", "100"),
    ("en", "y media", "es", "media"),
    ("en", "at 16:50", "es", "a las 5 menos 10"),
    ("es", "diez y mil", "en", "10 and 1000"),
    ("en", "what is the point of five", "de", "was sollen fünf"),
    ("es", "veinte doscientos", "en", "20, 200"),
    ("en", "a thousand hundred", "de", "tausend einhundert"),
    ("en", "one million, two hundred thousand", "pt", "um milhão, duzentos mil"),
    ("de", "drei Millionen fünfhundertachtundvierzigtausendfünfhunderteinundsiebzig", "en", "3,548,571"),
    ("it", "tre milioni e cinquecentoquarantottomila", "en", "3,548,000"),
    ("de", "hunderteins", "en", "101"),
    ("en", "$12.50", "es", "doce dólares con cincuenta"),
    ("en", "109", "es", "uno cero nueve"),
    ("en", "01 42 68 53 00", "fr", "0142685300"),
    ("en", "4, 7, 1, 1", "de", "4711"),
    ("en", "in '98", "es", "en mil novecientos noventa y ocho"),
    ("en", "at noon", "de", "um zwölf"),
    ("en", "half past three", "de", "halb vier"),
    ("en", "half past fifty", "es", "cincuenta"),
    ("en", "quarter to four", "es", "cuatro menos cuarto"),
    ("de", "drei Viertel vier", "en", "3:45"),
    ("de", "viertel vier", "en", "3:15"),
    ("ja", "1億2000万", "en", "120 million"),
    ("zh", "3千500", "en", "3500"),
    ("zh", "3千5000", "en", "3000 and 5000"),
    ("hi", "1,00,000", "en", "100,000"),
    ("hi", "5 लाख", "en", "500,000"),
    ("ru", "2,5 млрд", "en", "2.5 billion"),
    ("ru", "7 тыс.", "pl", "7000"),
    ("ja", "6月3日", "it", "3 giugno"),
    ("ja", "3本と5本", "zh", "三根和五根"),
]


@pytest.mark.parametrize(("source", "original", "target", "interpretation"), SAME)
def test_the_same_numbers_in_other_words(source: str, original: str, target: str, interpretation: str) -> None:
    assert not differ(original, source, interpretation, target)
    assert not differ(interpretation, target, original, source)


@pytest.mark.parametrize(
    ("source", "original", "target", "interpretation"),
    [
        ("en", "at 14:30", "es", "a las 14:50"),
        ("en", "twenty people", "es", "treinta personas"),
        ("en", "1,250,000", "de", "1.260.000"),
        ("en", "3.5", "de", "3,6"),
        ("en", "in 1984", "es", "en 1985"),
        ("en", "seventy-six", "fr", "soixante-six"),
        ("en", "two weeks", "de", "Wochen"),
        ("en", "weeks", "de", "drei Wochen"),
        ("en", "5 million", "es", "5 mil"),
        ("en", "three, five", "es", "treinta y cinco"),
        ("en", "twenty and three", "en", "26"),
        ("pt", "duas e dez", "en", "at five"),
        ("de", "fünfzehn", "en", "fifty"),
        ("en", "trillion trillion trillion point five", "de", "7"),
        ("en", "25,000", "ja", "2500人です"),
        ("en", "300", "zh", "500欧元"),
        ("de", "halb vier", "en", "half past four"),
        ("es", "cuatro menos cuarto", "en", "quarter past four"),
        ("en", "third quarter", "de", "im vierten Quartal"),
        ("pl", "865", "zh", "365"),
        ("ja", "25", "ru", "85"),
        ("en", "12", "es", "1 y 2"),
    ],
)
def test_other_numbers(source: str, original: str, target: str, interpretation: str) -> None:
    assert differ(original, source, interpretation, target)


def test_the_words_of_other_languages_are_not_read() -> None:
    assert not differ("three people", "en", "trzy osoby", "pl")
    assert not differ("trzy osoby", "pl", "three people", "en")
    assert not differ("3 people", "en", "trzy osoby", "pl")
    assert differ("three people", "en", "4 osoby", "pl")
    assert differ("4 osoby", "pl", "people", "en")
    assert not differ("drei Leute", None, "three people", "en")
    assert not differ("the limit per page", "en", "1ページあたりの上限", "ja")


@pytest.mark.parametrize("word", ["tisch", "tausendfuß", "milanese", "stein", "acqua", ""])
def test_what_is_no_number(word: str) -> None:
    assert numeral(word, "de") is None
    assert numeral(word, "it") is None
    assert numeral(word, None) is None


def test_every_kind_of_ordinal_of_a_long_number() -> None:
    for word in ("einhundertste", "zweihundertste", "dritten", "siebzehnter"):
        assert mentions(word, "de"), word


# --- laws -----------------------------------------------------------------------------------------


def _in_english(number: int) -> str:
    ones = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen").split()  # fmt: skip
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()
    if number < 20:
        return ones[number]
    if number < 100:
        return tens[number // 10 - 2] + (f"-{ones[number % 10]}" if number % 10 else "")
    for scale, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= scale:
            rest = number % scale
            joint = " and " if rest and scale == 100 else " "
            return f"{_in_english(number // scale)} {name}" + (joint + _in_english(rest) if rest else "")
    raise AssertionError(number)


@given(st.integers(2, 999_999_999))
def test_words_mean_what_digits_mean(number: int) -> None:
    words = f"There were {_in_english(number)} of them."
    assert not differ(words, "en", f"Es waren {number}.", "de")
    assert not differ(words, "en", f"Eran {number:,}.".replace(",", "."), "es")
    assert not differ(f"{number:,}", "en", f"{number:,}".replace(",", "\u202f"), "fr")


@given(st.integers(100, 999_999_999), st.integers(100, 999_999_999))
def test_two_whole_numbers_agree_only_if_they_are_one(one: int, other: int) -> None:
    assert differ(f"There were {one} of them.", "en", f"Il y en avait {other}.", "fr") == (one != other)


@given(st.decimals(2, 10_000, places=2, allow_nan=False, allow_infinity=False))
def test_points_and_commas(number: object) -> None:
    assert not differ(f"{number}", "en", f"{number}".replace(".", ","), "de")


@given(st.text(), st.sampled_from(["en", "es", "fr", "de", "it", "pt", "pl", None]))
def test_any_text_says_the_numbers_it_says(text: str, language: str | None) -> None:
    assert not differ(text, language, text, language or "en") or language is None
