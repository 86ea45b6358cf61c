"""Which language a text is written in, as far as its script and its commonest words tell; abstains when they do not.

Eight languages with Latin letters are told apart by words that hardly a sentence does without, and by letters and
endings the others lack. Of other languages only the script is known. The tables were written for this file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LATIN = "latin"
_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    _LATIN: re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]"),
    "greek": re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"),
    "cyrillic": re.compile(r"[\u0400-\u052f]"),
    "armenian": re.compile(r"[\u0530-\u058f]"),
    "hebrew": re.compile(r"[\u0590-\u05ff]"),
    "arabic": re.compile(r"[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]"),
    "devanagari": re.compile(r"[\u0900-\u097f]"),
    "bengali": re.compile(r"[\u0980-\u09ff]"),
    "tamil": re.compile(r"[\u0b80-\u0bff]"),
    "thai": re.compile(r"[\u0e00-\u0e7f]"),
    "georgian": re.compile(r"[\u10a0-\u10ff]"),
    "hangul": re.compile(r"[\u1100-\u11ff\uac00-\ud7af]"),
    "kana": re.compile(r"[\u3040-\u30ff]"),
    "han": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"),
}
_WRITTEN_IN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "kk", "ky", "mn"), ("cyrillic",)),
    **dict.fromkeys(("ar", "fa", "ur", "ps"), ("arabic",)),
    **dict.fromkeys(("hi", "mr", "ne"), ("devanagari",)),
    "sr": ("cyrillic", _LATIN), "el": ("greek",), "hy": ("armenian",), "he": ("hebrew",), "bn": ("bengali",),
    "ta": ("tamil",), "th": ("thai",), "ka": ("georgian",), "ko": ("hangul",), "ja": ("kana", "han"), "zh": ("han",),
    **dict.fromkeys(
        "af ca cs cy da de en es et eu fi fr ga gl hr hu id is it lt lv ms mt nb nl nn no pl pt ro sk sl sq sv sw tr "
        "vi".split(),
        (_LATIN,),
    ),
}  # fmt: skip
_OWN_LETTERS: Mapping[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "ru": (re.compile("[ыэёъ]", re.I), re.compile("[іїєґ]", re.I)),
    "uk": (re.compile("[іїєґ]", re.I), re.compile("[ыэёъ]", re.I)),
    "zh": (re.compile("(?!)"), re.compile("[\u3040-\u30ff]")),
}
"""Of languages that share a script: letters only this one has, letters it does not have."""
_LEAST_LETTERS = 4
"""Fewer are a name or an interjection, which may be written in any script."""
_FOREIGN_SHARE = 0.5
"""Of the letters; names and terms keep theirs."""
_DENSITY: Mapping[str, float] = {"han": 5.0, "kana": 3.0, "hangul": 3.0}
"""A name of Latin letters is as long as a clause in these scripts."""
_LEAST_HAN_WITHOUT_KANA = 9
"""So long a text in Chinese characters alone is not Japanese."""

_COMMON_WORDS: Mapping[str, str] = {
    "en": """the and of to is are was were be been being it its he she they we you i my your his her their our us
        them this that these those there here what which who whom whose when where why how not no
        yes do does did don't doesn't didn't have has had will would can could should must may might
        shall with from for on at by in into about after before between through than then if because
        so but or as an a all any some more most much many very only just also too other another one
        two please thank thanks let's i'm it's we're you're i'd we'll i'll let get got going want
        need know think see say said me him up out over new good well now still every each again
        cannot can't won't isn't aren't hello sorry under without during while until since both few
        less""",
    "es": """el la los las un una unos unas de del a al y e o u que qué en con por para sin sobre entre hasta
        desde hacia es son era eran fue fueron ser está están estaba estar hay ha han había hemos he
        haber no sí se su sus mi mis tu tus nos nuestro nuestra nuestros nuestras le les lo me te yo
        usted ustedes él ella ellos ellas nosotros este esta esto estos estas ese esa eso aquel como
        cómo cuando cuándo donde dónde quién quien cuál cuánto cuántos porque pero más menos muy
        también ya todo toda todos todas otro otra otros otras mucho muchas muchos gracias puede
        puedo podemos pueden tiene tengo tenemos tienen hacer vamos ahora aquí hoy mañana ayer bien
        buenos buenas días si ni algo nada nadie siempre después antes quiero quiere necesitamos dos
        tres favor años año""",
    "fr": """le la les l un une des de du d à au aux et ou que qui quoi dont où en dans avec pour par sans sur
        sous entre est sont était étaient être été c'est n'est qu'il j'ai ai as a avons avez ont
        avait ne pas plus moins se s son sa ses mon ma mes ton notre nos votre vos leur leurs lui je
        tu il elle on nous vous ils elles me te ce cet cette ces ça cela comme comment quand
        pourquoi combien quel quelle quels quelles parce mais très aussi déjà tout toute tous toutes
        autre autres beaucoup merci peut peux pouvons pouvez peuvent fait faire faut vais va allons
        maintenant ici aujourd'hui demain hier bien bonjour oui non si rien personne toujours après
        avant j n c qu m y y deux trois jour jours puis alors plaît voudrais même avoir sera suis
        sommes êtes bon leur""",
    "de": """der die das den dem des ein eine einen einem einer eines und oder aber nicht kein keine keinen ist
        sind war waren sein gewesen wird werden wurde wurden hat haben hatte hatten habe ich du er
        sie es wir ihr mich mir dich dir ihn ihm uns euch ihnen mein meine unser unsere unseren euer
        ihre ihren ihrer dieser diese dieses diesen diesem jeder jede was wer wie wo wann warum
        welche welcher welches mit von vom zu zum zur bei beim nach für auf an am im in ins aus über
        unter um bis durch gegen ohne vor zwischen seit dass daß wenn weil als ob auch noch schon
        nur sehr mehr viel viele alle alles andere ja nein danke bitte kann können muss müssen soll
        sollen will wollen möchte möchten darf heute morgen gestern jetzt hier dort dann denn doch
        gut guten etwas nichts niemand wieder mal so man sich zwei drei uhr jahr tag könnten könnte
        würde hätte wäre gibt geht macht lassen""",
    "it": """il lo la i gli le l un uno una di del dello della dei degli delle a al allo alla ai agli alle da dal
        dalla dai dalle in nel nella nei nelle con su sul sulla sui per tra fra e ed o che chi cui è
        sono era erano essere stato stata stati sta stanno ha ho hanno abbiamo avete aveva avere non
        sì no si suo sua suoi mio mia nostro nostra nostri vostro vostra loro mi ti ci vi ne lo io
        tu lui lei noi voi questo questa questi queste quello quella quelli quel come quando dove
        perché quanto quanti quale quali qual cosa ma più meno molto molti anche già tutto tutta
        tutti tutte altro altra altri grazie può posso possiamo possono deve dobbiamo fare fatto ora
        adesso qui oggi domani ieri bene buongiorno se niente nessuno sempre dopo prima poi c'è c d
        dell all nell dall sull vorrei due tre favore giorni così ancora fino anni siamo""",
    "pt": """deve devem o a os as um uma uns umas de do da dos das e ou que em no na nos nas ao à aos às com por
        pelo pela pelos pelas para sem sobre entre até desde é são era eram foi foram ser está estão
        estava estar há tem têm tinha temos tenho não sim se seu sua seus suas meu minha meus minhas
        nosso nossa nossos nossas lhe me te eu tu você vocês ele ela eles elas nós este esta isto
        estes estas esse essa isso aquele como quando onde quem qual quanto quantos porque mas mais
        menos muito muita muitos também já tudo todo toda todos todas outro outra outros obrigado
        obrigada pode posso podemos podem fazer vamos vai agora aqui hoje amanhã ontem bem bom boa
        dia nada ninguém sempre depois antes quero quer precisamos dois duas três favor num numa
        anos gostaria ainda ficar""",
    "nl": """de het een en of maar niet geen is zijn was waren wordt worden werd heeft hebben had hadden heb ik
        jij je u hij zij ze wij we jullie mij me hem haar ons onze hun mijn jouw uw dit dat deze die
        er hier daar wat wie waar wanneer waarom hoe welke met van voor op aan in uit bij naar tot
        door over onder om tegen zonder tussen sinds als omdat dan ook nog al alleen heel erg veel
        meer alle alles andere ja nee dank bedankt alstublieft kan kunnen moet moeten zal zullen wil
        willen mag vandaag morgen gisteren nu goed iets niets niemand weer te toen twee drie uur
        jaar dag graag wel""",
    "ca": """vostra vostre vostres el la els les l un una uns unes de del dels d a al als i o que què en amb per
        sense sobre entre fins des cap és són era eren ser està estan estava hi ha han havia hem he
        no sí es s seu seva seus seves meu meva nostre nostra nostres li me em et ens us jo tu vostè
        vostès ell ella ells elles nosaltres aquest aquesta això aquests aquestes aquell com quan on
        qui quin quina quant quants perquè però més menys molt molta molts també ja tot tota tots
        totes altre altra altres gràcies pot puc podem poden té tinc tenim fer anem vaig va vam van
        ara aquí avui demà ahir bé bon bona dia si res ningú sempre després abans vull dos dues tres
        plau anys així fet""",
}
_TELLING_LETTERS: Mapping[str, str] = {
    "es": "ñ ¿ ¡", "de": "ß ä", "pt": "ã õ", "fr": "œ ê û ù î", "ca": "l·l ·",
}  # fmt: skip
_TELLING_ENDINGS: Mapping[str, str] = {
    "en": "ing tion ly ness ment ould ght", "es": "ción ciones dad mente amos ido ando iendo ía ños",
    "fr": "tion ment eux eur ez aient euse ité oir", "de": "ung ungen lich keit heit isch ieren ische ten",
    "it": "zione zioni tà mente iamo ato ando endo etti ebbe", "pt": "ção ções dade mente amos ado ando endo ões ão",
    "nl": "heid lijk ijk ing oor eren", "ca": "ció cions tat ment ant eix ït ats",
}  # fmt: skip
_FOREIGN_LETTERS: Mapping[str, re.Pattern[str]] = {
    "en": re.compile("[à-þ]"), "es": re.compile("[àâäãåæçèêëìîïòôöõœùûß]"), "fr": re.compile("[áãåíìñóòöõúß]"),
    "de": re.compile("[áàâãåæçéèêëíìîïñóòôõœúùû]"), "it": re.compile("[âäãåæçêëîïñôöõœûüß]"),
    "pt": re.compile("[äåæëïîìñœöòûüùß]"), "nl": re.compile("[áàâãåæçèêíìîñóòôõœúùûß]"),
    "ca": re.compile("[áâãäåæêëìîñôöõœùûß]"),
}  # fmt: skip
"""Letters that only borrowed words and names have in a language."""
_WORD = re.compile(r"[^\W\d_]+(?:['’·][^\W\d_]+)*")
_APOSTROPHES = re.compile(r"['’]")

_ENDING_WEIGHT, _LETTER_WEIGHT = 0.3, 0.7
"""Beside a word that only one language has, which weighs 1."""
_SHORTEST_STEM = 3
_LEAST_WEIGHT = 1.0
"""Evidence for the language a text is taken for: a word only it has, or a few that it shares."""
_LEAST_LEAD = 0.7
"""And so much more than for the language it should be in."""
_MOST_FOR_TARGET = 0.6
"""Of the evidence for that language, there may be so much for the one it should be in: neighbours share many words."""


def _weights() -> Mapping[str, Mapping[str, float]]:
    """word -> language -> how much it tells: a word of several languages tells less of each."""
    known: dict[str, dict[str, float]] = {}
    for language, words in _COMMON_WORDS.items():
        for word in words.split():
            known.setdefault(word, {})[language] = 0.0
    return {word: dict.fromkeys(languages, 1 / len(languages) ** 0.5) for word, languages in known.items()}


_WEIGHTS = _weights()
_ENDINGS: dict[str, list[str]] = {}
for _language, _several in _TELLING_ENDINGS.items():
    for _ending in _several.split():
        _ENDINGS.setdefault(_ending, []).append(_language)
_ENDING_LENGTHS = sorted({len(ending) for ending in _ENDINGS}, reverse=True)
_LETTERS = [(letter, language) for language, letters in _TELLING_LETTERS.items() for letter in letters.split()]


def in_another_script(text: str, language: str, script: str | None = None) -> bool:
    """Whether most letters are of a script that a language (ISO 639) is not written in.

    Args:
        script: ISO 15924, where the tag names one (`sr-Latn`).
    """
    wanted = (_LATIN,) if script == "Latn" else ("cyrillic",) if script == "Cyrl" else _WRITTEN_IN.get(language)
    letters = sum(map(str.isalpha, text))
    if wanted is None or letters < _LEAST_LETTERS:
        return False
    found = {each: len(_SCRIPTS[each].findall(text)) for each in wanted}
    own = sum(found.values())
    weight = sum(count * _DENSITY.get(each, 1.0) for each, count in found.items())
    if letters - own > _FOREIGN_SHARE * (letters - own + weight):
        return True
    if language in _OWN_LETTERS:
        has, lacks = _OWN_LETTERS[language]
        return lacks.search(text) is not None and has.search(text) is None
    if language == "ja":
        return own >= _LEAST_HAN_WITHOUT_KANA and not _SCRIPTS["kana"].search(text)
    return False


def evidence(text: str) -> dict[str, float]:
    """How much speaks for each of the eight languages; nothing for a text with other letters."""
    found: dict[str, float] = {}
    lowered = text.lower()
    for word in _WORD.findall(lowered):
        parts = _APOSTROPHES.split(word) if word not in _WEIGHTS else [word]
        for part in parts:
            for language, weight in _WEIGHTS.get(part, {}).items():
                found[language] = found.get(language, 0.0) + weight
        if len(word) <= _SHORTEST_STEM:
            continue
        for length in _ENDING_LENGTHS:
            for language in _ENDINGS.get(word[-length:], ()) if len(word) >= length + _SHORTEST_STEM else ():
                found[language] = found.get(language, 0.0) + _ENDING_WEIGHT
    for letter, language in _LETTERS:
        if letter in lowered:
            found[language] = found.get(language, 0.0) + _LETTER_WEIGHT
    return found


def told_apart(language: str) -> bool:
    """Whether this is one of the eight."""
    return language in _COMMON_WORDS


def language_of(text: str) -> str | None:
    """The language of a text, None where it is not clear."""
    found = sorted(evidence(text).items(), key=lambda one: -one[1])
    if not found or found[0][1] < _LEAST_WEIGHT:
        return None
    best, weight = found[0]
    return best if len(found) == 1 or found[1][1] <= _MOST_FOR_TARGET * weight else None


def in_another_language(text: str, target: str, source: str | None) -> bool:
    """Whether a text is clearly in one of the eight languages, and not in the target (ISO 639).

    Of a target that is not one of them nothing is known, so that only the source language is looked for.
    """
    found = evidence(text)
    if not found:
        return False
    best, weight = max(found.items(), key=lambda one: one[1])
    if best == target:
        return False
    if told_apart(target):
        foreign = len(_FOREIGN_LETTERS[target].findall(text))  # in lower case: names begin with a capital
        own = max(0.0, found.get(target, 0.0) - _LETTER_WEIGHT * foreign)
        return weight >= _LEAST_WEIGHT and weight - own >= _LEAST_LEAD and own <= _MOST_FOR_TARGET * weight
    words = len(_WORD.findall(text))
    return best == source and weight >= max(3 * _LEAST_WEIGHT, _FOREIGN_SHARE * words)
