from __future__ import annotations

import pytest

from bot.interpreting.quality.assistant_phrases import ALONE, Lapse, lapses


@pytest.mark.parametrize(
    ("text", "lapse"),
    [
        ("As an AI language model, I have no opinion.", Lapse.ITSELF),
        ("Soy un asistente de IA.", Lapse.ITSELF),
        ("En tant qu’IA, je n’ai pas d’avis.", Lapse.ITSELF),
        ("Ich bin ein KI-Assistent.", Lapse.ITSELF),
        ("Sono un assistente virtuale.", Lapse.ITSELF),
        ("Sou um modelo de linguagem.", Lapse.ITSELF),
        ("Sure, here is the translation: Hola.", Lapse.ANNOUNCES),
        ("Aquí tiene la traducción: hello.", Lapse.ANNOUNCES),
        ("Voici la traduction : hello.", Lapse.ANNOUNCES),
        ("Übersetzung: Hallo.", Lapse.ANNOUNCES),
        ("Ecco la traduzione: ciao.", Lapse.ANNOUNCES),
        ("Aqui está a tradução: olá.", Lapse.ANNOUNCES),
        ("How can I help you?", Lapse.OFFERS),
        ("¿En qué puedo ayudarle?", Lapse.OFFERS),
        ("Comment puis-je vous aider ?", Lapse.OFFERS),
        ("Wie kann ich Ihnen helfen?", Lapse.OFFERS),
        ("Come posso aiutarla?", Lapse.OFFERS),
        ("Como posso ajudá-lo?", Lapse.OFFERS),
        ("I'm sorry, I can't do that.", Lapse.REFUSES),
        ("Lo siento, no puedo.", Lapse.REFUSES),
        ("Désolé, je ne peux pas.", Lapse.REFUSES),
        ("Es tut mir leid, ich kann das nicht.", Lapse.REFUSES),
        ("Mi dispiace, non posso.", Lapse.REFUSES),
        ("Desculpe, não posso.", Lapse.REFUSES),
        ("Could you please repeat that?", Lapse.ASKS_AGAIN),
        ("¿Podría repetir?", Lapse.ASKS_AGAIN),
        ("Pourriez-vous répéter ?", Lapse.ASKS_AGAIN),
        ("Könnten Sie das bitte wiederholen?", Lapse.ASKS_AGAIN),
        ("Potrebbe ripetere?", Lapse.ASKS_AGAIN),
        ("Poderia repetir?", Lapse.ASKS_AGAIN),
    ],
)
def test_lapses_in_six_languages(text: str, lapse: Lapse) -> None:
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
