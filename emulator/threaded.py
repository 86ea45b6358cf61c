"""An emulator on an event loop in a thread of its own, for programs and tests that have no event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, TypeVar

from emulator.app import Emulator
from emulator.config import Config

Returned = TypeVar("Returned")

_START_S = 60.0  # the local engine loads its models at start
_ANSWER_S = 10.0


class ThreadedEmulator:
    """A running emulator, a context manager. Its methods may be called from any thread.

    Attributes:
        acs_url, realtime_url: addresses of the two sides, without trailing slash.
        realtime_tls_url: the Realtime side over https; empty without a port for it.
        authority: the certificate (PEM) that clients must trust to use https.
        connection_string: connection string of the ACS resource.
        access_key, realtime_key: keys of the two sides.
    """

    def __init__(self, config: Config) -> None:
        self.access_key = config.access_key
        self.realtime_key = config.realtime_key
        self.acs_url = ""
        self.realtime_url = ""
        self.realtime_tls_url = ""
        self.authority = b""
        self.connection_string = ""
        self._config = config
        self._emulator = Emulator(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="acs-emulator", daemon=True)

    def __enter__(self) -> ThreadedEmulator:
        self._thread.start()
        if not self._started.wait(_START_S):
            raise TimeoutError(f"the emulator did not start within {_START_S:.0f} s")
        if self._failure is not None:
            raise self._failure
        self.acs_url = self._emulator.acs_url
        self.realtime_url = self._emulator.realtime_url
        self.realtime_tls_url = self._emulator.realtime_tls_url
        self.authority = self._emulator.authority
        self.connection_string = self._emulator.connection_string
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def journal(self, kind: str | None = None, since: int = 0, **match: object) -> list[dict[str, object]]:
        """Return entries newer than number `since`, of `kind` or its family, with fields as in `match`."""

        async def read() -> list[dict[str, object]]:
            return self._emulator.journal.entries(kind, since, None, **match)

        return self._call(read())

    def set_faults(self, document: Mapping[str, Any]) -> None:
        """Replace the fault document, as `PUT /emulator/faults` does.

        Raises:
            ValueError: the document is of the wrong form.
        """

        async def replace() -> None:
            self._emulator.faults.replace(dict(document))

        self._call(replace())

    def reset(self) -> None:
        """End running calls and delete all state, as `POST /emulator/reset` does."""
        self._call(self._emulator.reset())

    def _call(self, work: Coroutine[Any, Any, Returned]) -> Returned:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # raised again in the thread that starts and stops this
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self._emulator:
            self._started.set()
            await self._stop.wait()
