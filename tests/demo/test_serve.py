"""What `make run` puts on the page."""

from __future__ import annotations

from demo import script, serve


def test_everybody_gets_sentences_of_their_own_language_that_the_engine_knows() -> None:
    english, spanish = serve.sentences(script.ANA), serve.sentences(script.LUIS)
    assert "Good morning, everyone." in english
    assert "Buenos días a todos." in spanish
    assert len(english) == len(spanish) == serve.SENTENCES
