"""Names the language of a sentence with py3langid; the only file that imports it. Knows 140 languages."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from bot.interpreting.quality.language_id import IdentifyLanguage

LEAST_PROBABILITY = 0.7
"""Of the most likely of the languages in question; below it none is named. Chosen on the development sentences of
`benchmarks/guard`: there, and on the sentences held out, no language is wrong from 0.6 up."""
_LABELS = {"fil": "tl", "nb": "no"}
"""What py3langid calls languages that have another code in BCP 47."""


@lru_cache(maxsize=1)
def load() -> IdentifyLanguage:
    """Load the model once per process: 0.5 s of work and 75 MB, so call it at start-up and in a thread."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # here, so that who never calls it pays nothing

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    known = frozenset(model.labels)

    def identify(text: str, languages: Collection[str]) -> str | None:
        """Return the most likely of the languages if it is likely enough: 0.1 ms for a sentence."""
        labels = {_LABELS.get(language, language): language for language in languages}
        if not labels or not labels.keys() <= known:
            return None
        probabilities = dict(model.rank(text))
        total = sum(probabilities[label] for label in labels)
        best = max(labels, key=lambda label: probabilities[label])
        return labels[best] if probabilities[best] > LEAST_PROBABILITY * total else None

    return identify
