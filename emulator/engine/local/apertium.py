"""Apertium, the rule-based translator, when it is installed: one kept-open pipeline per language pair; picks no route.

A pair is a dozen small programs in a row, named by a mode file. Started afresh for a sentence they cost 150 ms; kept
open, with a NUL after each sentence to flush it through, 1 ms.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from emulator.engine.base import EngineError
from emulator.engine.local.process import end

Pair = tuple[str, str]

_MODES: Mapping[Pair, str] = {
    **{("en", "es"): "eng-spa", ("es", "en"): "spa-eng", ("en", "ca"): "eng-cat", ("ca", "en"): "cat-eng"},
    **{("fr", "es"): "fr-es", ("es", "fr"): "es-fr", ("es", "pt"): "es-pt", ("pt", "es"): "pt-es"},
    **{("es", "it"): "spa-ita", ("it", "es"): "ita-spa", ("es", "ca"): "spa-cat", ("ca", "es"): "cat-spa"},
    **{("fr", "ca"): "fra-cat", ("ca", "fr"): "cat-fra", ("pt", "ca"): "por-cat", ("ca", "pt"): "cat-por"},
    **{("it", "ca"): "ita-cat", ("ca", "it"): "cat-ita"},
}
"""Language pairs and their mode files in Debian's packages apertium-eng-spa, -eng-cat, -fr-es, -es-pt, -spa-ita,
-spa-cat, -fra-cat, -por-cat and -cat-ita."""

LIMIT = 5.0
"""Seconds for one sentence; it takes 4 ms."""

START_LIMIT = 20.0
"""Seconds for the first sentence: a dozen programs load their dictionaries, in 0.3 s on an idle machine."""

MAX_TEXT = 5_000
"""Characters translated at once, well within what one read of the answer may hold."""

_ANSWER_LIMIT = 1 << 18
_RESERVED = re.compile(r"([\[\]{}<>@^$/\\])")
_ESCAPED = re.compile(r"\\(.)")
_END = "[][\n]"


def known_pairs() -> frozenset[Pair]:
    """Every pair that works once its package is installed."""
    return frozenset(_MODES)


def installed_pairs(modes: Path | None = None) -> dict[Pair, Path]:
    """The pairs that are installed, and their mode files: in `modes`, or where the `apertium` program belongs."""
    if modes is None:
        program = shutil.which("apertium")
        if program is None:
            return {}
        modes = Path(program).resolve().parent.parent / "share" / "apertium" / "modes"
    return {pair: path for pair, name in _MODES.items() if (path := modes / f"{name}.mode").is_file()}


def command(mode: str) -> str:
    """The shell command of a mode file's text, set up to stay open and to leave unknown words as they are."""
    programs = []
    for part in mode.split("|"):
        name, *arguments = shlex.split(part)
        kept = ["-n" if argument == "$1" else argument for argument in arguments if argument != "$2"]
        programs.append(shlex.join([name, "-z", *kept]))
    return " | ".join(programs)


class Pipeline:
    """One language pair, kept open; sentences go through one after the other."""

    def __init__(self, mode: Path) -> None:
        self._mode = mode
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._owed = 0

    async def translate(self, text: str) -> str:
        """The text in the other language, unknown words as they are. Starts the programs when they don't run.

        Cancelling is safe: the answer is passed over when it comes. Raises EngineError.
        """
        if len(text) > MAX_TEXT:
            raise EngineError(f"a text of {len(text)} characters is too long to translate, {MAX_TEXT} is the limit")
        plain = " ".join(text.replace("\0", " ").split())
        async with self._lock:
            try:
                async with asyncio.timeout(LIMIT if self._process else START_LIMIT):
                    answer = await self._exchange(plain)
                if plain and not answer:  # what the programs that are left say when one has died
                    raise ConnectionError("nothing came back")
            except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                await self.close()
                raise EngineError(f"{self._mode.stem} gave no answer") from error
            return answer

    async def close(self) -> None:
        """End the programs; the next sentence starts them again."""
        process, self._process = self._process, None
        if process is not None:
            await end(process)

    async def _exchange(self, text: str) -> str:
        if self._process is None:
            self._process, self._owed = await self._start(), 0
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # both were asked for as pipes
        escaped = _RESERVED.sub(r"\\\1", text)
        stdin.write(f"{escaped}{_END}\0".encode())
        self._owed += 1
        await stdin.drain()
        answer = b""
        while self._owed:  # the answers to cancelled sentences come first
            answer = await stdout.readuntil(b"\0")
            self._owed -= 1
        translated = answer.rstrip(b"\0").decode(errors="replace").removesuffix(_END)
        return _ESCAPED.sub(r"\1", translated).strip()

    async def _start(self) -> asyncio.subprocess.Process:
        mode = await asyncio.to_thread(self._mode.read_text, encoding="utf-8")
        # Started by the shell: a dozen programs are one child of ours, in a session of their own.
        return await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", command(mode)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_ANSWER_LIMIT,
        )
