"""Translates with Apertium, if it is installed, through one persistent pipeline per language pair.

A pair is a pipeline of a dozen small programs, listed in a mode file. Starting them costs 150 ms per sentence; a
running pipeline, flushed by a NUL after each sentence, takes 1 ms.
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
from emulator.engine.local.translating.routes import Pair

_MODES: Mapping[Pair, str] = {
    **{("en", "es"): "eng-spa", ("es", "en"): "spa-eng", ("en", "ca"): "eng-cat", ("ca", "en"): "cat-eng"},
    **{("fr", "es"): "fr-es", ("es", "fr"): "es-fr", ("es", "pt"): "es-pt", ("pt", "es"): "pt-es"},
    **{("es", "it"): "spa-ita", ("it", "es"): "ita-spa", ("es", "ca"): "spa-cat", ("ca", "es"): "cat-spa"},
    **{("fr", "ca"): "fra-cat", ("ca", "fr"): "cat-fra", ("pt", "ca"): "por-cat", ("ca", "pt"): "cat-por"},
    **{("it", "ca"): "ita-cat", ("ca", "it"): "cat-ita"},
}
"""Language pairs -> their mode files in Debian's packages apertium-eng-spa, -eng-cat, -fr-es, -es-pt, -spa-ita,
-spa-cat, -fra-cat, -por-cat and -cat-ita."""

LIMIT = 5.0
"""Timeout in seconds for a sentence; it takes 4 ms."""

START_LIMIT = 20.0
"""Timeout in seconds for the first sentence: the programs load their dictionaries, in 0.3 s on an idle machine."""

MAX_TEXT = 5_000
"""Maximum characters per translation, well below the limit of an answer."""

_ANSWER_LIMIT = 1 << 18
_RESERVED = re.compile(r"([\[\]{}<>@^$/\\])")
_ESCAPED = re.compile(r"\\(.)")
_END = "[][\n]"


def known_pairs() -> frozenset[Pair]:
    """Return every pair that works once its package is installed."""
    return frozenset(_MODES)


def installed_pairs(modes: Path | None = None) -> dict[Pair, Path]:
    """Return the installed pairs and their mode files, from `modes` or from the installation of `apertium`."""
    if modes is None:
        program = shutil.which("apertium")
        if program is None:
            return {}
        modes = Path(program).resolve().parent.parent / "share" / "apertium" / "modes"
    return {pair: path for pair, name in _MODES.items() if (path := modes / f"{name}.mode").is_file()}


def command(mode: str) -> str:
    """Return the shell command for a mode file's text: it stays open and leaves unknown words unchanged."""
    programs = []
    for part in mode.split("|"):
        name, *arguments = shlex.split(part)
        kept = ["-n" if argument == "$1" else argument for argument in arguments if argument != "$2"]
        programs.append(shlex.join([name, "-z", *kept]))
    return " | ".join(programs)


class Pipeline:
    """A persistent pipeline for a language pair; it translates one sentence at a time."""

    def __init__(self, mode: Path) -> None:
        self._mode = mode
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._owed = 0

    async def translate(self, text: str) -> str:
        """Translate a text, with unknown words unchanged. Starts the programs if they do not run.

        Cancelling is safe: a late answer is discarded. Raises EngineError.
        """
        if len(text) > MAX_TEXT:
            raise EngineError(f"the text has {len(text)} characters; at most {MAX_TEXT} can be translated at once")
        plain = " ".join(text.replace("\0", " ").split())
        async with self._lock:
            try:
                async with asyncio.timeout(LIMIT if self._process else START_LIMIT):
                    answer = await self._exchange(plain)
                if plain and not answer:  # the remaining programs answer like this when one has died
                    raise ConnectionError("empty answer")
            except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                await self.close()
                raise EngineError(f"{self._mode.stem} gave no answer") from error
            return answer

    async def close(self) -> None:
        """Stop the programs; the next sentence starts them again."""
        process, self._process = self._process, None
        if process is not None:
            await end(process)

    async def _exchange(self, text: str) -> str:
        if self._process is None:
            self._process, self._owed = await self._start(), 0
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # both are pipes
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
        # Started by a shell, so that the programs are one child process with a session of its own.
        return await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", command(mode)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_ANSWER_LIMIT,
        )
