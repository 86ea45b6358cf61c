from __future__ import annotations

import pytest

from bot.interpreting.quality.assistant_phrases import ALONE, AssistantPhrase, lapses, said_otherwise


@pytest.mark.parametrize(
    ("text", "lapse"),
    [
        ("As an AI language model, I have no opinion.", AssistantPhrase.ITSELF),
        ("Soy un asistente de IA.", AssistantPhrase.ITSELF),
        ("En tant qu’IA, je n’ai pas d’avis.", AssistantPhrase.ITSELF),
        ("Ich bin ein KI-Assistent.", AssistantPhrase.ITSELF),
        ("Sono un assistente virtuale.", AssistantPhrase.ITSELF),
        ("Sou um modelo de linguagem.", AssistantPhrase.ITSELF),
        ("Sure, here is the translation: Hola.", AssistantPhrase.ANNOUNCES),
        ("Aquí tiene la traducción: hello.", AssistantPhrase.ANNOUNCES),
        ("Voici la traduction : hello.", AssistantPhrase.ANNOUNCES),
        ("Übersetzung: Hallo.", AssistantPhrase.ANNOUNCES),
        ("Ecco la traduzione: ciao.", AssistantPhrase.ANNOUNCES),
        ("Aqui está a tradução: olá.", AssistantPhrase.ANNOUNCES),
        ("How can I help you?", AssistantPhrase.OFFERS),
        ("¿En qué puedo ayudarle?", AssistantPhrase.OFFERS),
        ("Comment puis-je vous aider ?", AssistantPhrase.OFFERS),
        ("Wie kann ich Ihnen helfen?", AssistantPhrase.OFFERS),
        ("Come posso aiutarla?", AssistantPhrase.OFFERS),
        ("Como posso ajudá-lo?", AssistantPhrase.OFFERS),
        ("I'm sorry, I can't do that.", AssistantPhrase.REFUSES),
        ("Lo siento, no puedo.", AssistantPhrase.REFUSES),
        ("Désolé, je ne peux pas.", AssistantPhrase.REFUSES),
        ("Es tut mir leid, ich kann das nicht.", AssistantPhrase.REFUSES),
        ("Mi dispiace, non posso.", AssistantPhrase.REFUSES),
        ("Desculpe, não posso.", AssistantPhrase.REFUSES),
        ("Could you please repeat that?", AssistantPhrase.ASKS_AGAIN),
        ("¿Podría repetir?", AssistantPhrase.ASKS_AGAIN),
        ("Pourriez-vous répéter ?", AssistantPhrase.ASKS_AGAIN),
        ("Könnten Sie das bitte wiederholen?", AssistantPhrase.ASKS_AGAIN),
        ("Potrebbe ripetere?", AssistantPhrase.ASKS_AGAIN),
        ("Poderia repetir?", AssistantPhrase.ASKS_AGAIN),
    ],
)
def test_lapses_in_six_languages(text: str, lapse: AssistantPhrase) -> None:
    assert lapses(text) == {lapse}


@pytest.mark.parametrize(
    "text",
    [
        "The translation of the contract takes a week.",
        "She is an assistant in the office.",
        "Die Übersetzung ist noch nicht fertig.",
        "La traduction du contrat est prête.",
        "I am sorry for the delay.",
        "",
    ],
)
def test_people_speak_of_such_things_too(text: str) -> None:
    assert not lapses(text) & ALONE
    assert lapses(text) == set()


@pytest.mark.parametrize(
    ("original", "interpretation", "meant"),
    [
        ("Leider kann ich morgen nicht kommen.", "I'm afraid I can't come tomorrow.", {AssistantPhrase.REFUSES}),
        ("Das geht leider nicht.", "I'm sorry, but I can't help with that.", set()),
        ("Das geht leider nicht.", "I'm sorry, but I cannot translate this.", set()),
        (
            "Ich kann dir nicht helfen.",
            "I'm sorry, I can't help you.",
            {AssistantPhrase.REFUSES, AssistantPhrase.OFFERS},
        ),
        ("¿Cómo dice?", "Could you repeat that?", {AssistantPhrase.ASKS_AGAIN}),
        ("¿Cómo dice usted que se llama la calle de su casa?", "Could you repeat that?", set()),
        ("¿Le ayudo?", "Can I help you with that?", {AssistantPhrase.OFFERS}),
        ("Morgen um neun.", "Could you repeat that?", set()),
    ],
)
def test_a_person_may_have_said_so_in_other_words(
    original: str, interpretation: str, meant: set[AssistantPhrase]
) -> None:
    assert said_otherwise(original, interpretation) == meant
