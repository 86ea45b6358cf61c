"""Formats each log record as a line of JSON with the ids of its call. Never log audio, words, tokens or keys.

Numbers of phones, which are part of their raw ids, are shortened here.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_context: ContextVar[dict[str, str] | None] = ContextVar("log_context", default=None)
_PHONE_NUMBER = re.compile(r"4:\+\d+(?=\d\d)")
"""In the raw id of a phone; its last two digits are logged, to tell phones apart."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


@contextmanager
def log_context(**fields: str) -> Iterator[None]:
    """Add these fields to every record logged inside, or in tasks started inside."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class JsonFormatter(logging.Formatter):
    """Writes time, level, logger, message, context and extra fields as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return redacted(json.dumps({"time": time, "level": record.levelname.lower(), **fields(record)}, default=str))


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what a record says besides its time and level: logger, message, context, extra fields, exception."""
    said: dict[str, object] = {
        "logger": record.name,
        "message": record.getMessage(),
        **(_context.get() or {}),
        **{name: value for name, value in vars(record).items() if name not in _STANDARD},
    }
    if record.exc_info:
        said["exception"] = logging.Formatter().formatException(record.exc_info)
    return said


def redacted(text: str) -> str:
    """Return the text with all phone numbers shortened."""
    return _PHONE_NUMBER.sub("4:+*", text)


def configure_logging(level: str) -> None:
    """Log to standard error, one JSON object per line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # These log the path of every request or socket, and paths here hold the secrets of calls.
    for name in ("azure", "openai", "websockets", "aiohttp", "httpx", "uvicorn"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    # It warns of every request that is not valid HTTP; those are counted (`http_serving/refusals.py`).
    logging.getLogger("uvicorn").setLevel(max(logging.ERROR, logging.getLogger().level))
    # The Rooms SDK warns about a header that it sets itself in every request.
    logging.getLogger("azure.communication.rooms._generated._serialization").setLevel(logging.ERROR)
