"""Generates identifiers like the service's: a prefix and 21 base-62 characters."""

from __future__ import annotations

import random
import string

ALPHABET = string.ascii_letters + string.digits
LENGTH = 21
"""Characters after the underscore, as captured from the service."""

# Every delta needs several identifiers: a table look-up is five times as fast as `random.choices`.
_LETTER_OF_BYTE = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))


class Ids:
    """Generates identifiers; the same seed gives the same sequence, None a random one."""

    def __init__(self, seed: str | None = None) -> None:
        self._random = random.Random(seed)

    def new(self, prefix: str) -> str:
        """Return a new identifier; `prefix` is `event`, `sess`, `item`, `resp` or `conv`."""
        return f"{prefix}_{self.letters(LENGTH)}"

    def letters(self, count: int) -> str:
        return self._random.randbytes(count).translate(_LETTER_OF_BYTE).decode()

    def obfuscation(self, text: str) -> str:
        """Return random padding that fills a text delta up to a multiple of 16 characters, to hide its length."""
        return self.letters(16 - len(text) % 16)
