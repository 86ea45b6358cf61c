"""Local speech engine: recognises, translates and speaks without an account, a key or a download."""

from emulator.engine.local.choice import RecognisedText
from emulator.engine.local.engine import LocalEngine
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook, PhrasebookError, normalise
from emulator.engine.local.recognition import Recogniser, RecogniserBusy
from emulator.engine.local.synthesis import Synthesiser, Voice
from emulator.engine.local.translation import Translator

__all__ = [
    "BUILT_IN",
    "LocalEngine",
    "Phrasebook",
    "PhrasebookError",
    "Recogniser",
    "RecogniserBusy",
    "RecognisedText",
    "Synthesiser",
    "Translator",
    "Voice",
    "normalise",
]
