"""Local speech engine: recognises, translates and speaks without an account, a key or a download."""

from emulator.engine.local.engine import LocalEngine
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook, PhrasebookError, in_words, normalise
from emulator.engine.local.recognition import LANGUAGES, Recogniser, RecogniserBusy
from emulator.engine.local.synthesis import Synthesiser, Voice
from emulator.engine.local.translating.translator import Translator

__all__ = [
    "BUILT_IN",
    "LANGUAGES",
    "LocalEngine",
    "Phrasebook",
    "PhrasebookError",
    "Recogniser",
    "RecogniserBusy",
    "Synthesiser",
    "Translator",
    "Voice",
    "in_words",
    "normalise",
]
