from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest

from bot.log_format import JsonFormatter, configure_logging, log_context

NOISY = ("azure", "openai", "websockets", "aiohttp", "httpx", "uvicorn")
TOUCHED = (*NOISY, "azure.communication.rooms._generated._serialization")


@pytest.fixture
def untouched_logging() -> Iterator[None]:
    """Logging is global: what `configure_logging` changes is put back."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, TOUCHED)]
    handlers, levels = root.handlers[:], [logger.level for logger in loggers]
    yield
    root.handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def formatted(record: logging.LogRecord) -> dict[str, object]:
    text = JsonFormatter().format(record)
    assert "\n" not in text
    line: dict[str, object] = json.loads(text)
    return line


def record(message: str = "call joined", *arguments: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("bot.test").makeRecord(
        "bot.test", logging.WARNING, "test.py", 1, message, arguments, None, extra=extra
    )


def test_a_line_is_one_json_object_with_the_fields_given() -> None:
    line = formatted(record("call joined", call_connection_id="c-1", calls=3))
    time = line.pop("time")
    assert isinstance(time, str)
    assert time.endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "bot.test",
        "message": "call joined",
        "call_connection_id": "c-1",
        "calls": 3,
    }


def test_lazy_arguments_are_filled_in() -> None:
    assert formatted(record("%d calls of\n%s", 2, "room"))["message"] == "2 calls of\nroom"


def test_what_json_does_not_know_is_written_as_text() -> None:
    assert formatted(record(error=ValueError("bad")))["error"] == "bad"


def test_the_number_of_a_phone_is_not_written_out() -> None:
    line = formatted(record("call with %s joined", "4:+15551234567", participant_id="4:+15551234589"))
    assert (line["message"], line["participant_id"]) == ("call with 4:+*67 joined", "4:+*89")


def test_an_exception_is_told_on_the_same_line() -> None:
    try:
        raise ValueError("bad")
    except ValueError as error:
        one = record()
        one.exc_info = (type(error), error, error.__traceback__)
    exception = formatted(one)["exception"]
    assert isinstance(exception, str)
    assert exception.endswith("ValueError: bad")


def test_lines_carry_the_ids_of_the_call_they_belong_to() -> None:
    with log_context(room_id="r-1"), log_context(call_connection_id="c-1"):
        line = formatted(record())
        assert (line["room_id"], line["call_connection_id"]) == ("r-1", "c-1")
    assert "room_id" not in formatted(record())


async def test_tasks_take_the_context_they_were_started_in() -> None:
    async def told() -> object:
        await asyncio.sleep(0)
        return formatted(record())["room_id"]

    async with asyncio.TaskGroup() as group:
        with log_context(room_id="r-1"):
            first = group.create_task(told())
        with log_context(room_id="r-2"):
            second = group.create_task(told())
    assert (first.result(), second.result()) == ("r-1", "r-2")


@pytest.mark.parametrize(("level", "noise"), [("DEBUG", logging.WARNING), ("ERROR", logging.ERROR)])
def test_everything_goes_to_standard_error_but_what_others_say_of_each_request(
    level: str, noise: int, untouched_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(level)
    logging.getLogger("bot.test").error("call failed", extra={"code": "acs_8522"})
    logging.getLogger("azure.core").info("Request URL: https://…")
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = map(json.loads, err.splitlines())
    assert (line["message"], line["code"]) == ("call failed", "acs_8522")
    levels = {name: logging.getLogger(name).getEffectiveLevel() for name in NOISY}
    assert levels.pop("uvicorn") == logging.ERROR, "it warns of every request that is not valid HTTP"
    assert set(levels.values()) == {noise}
