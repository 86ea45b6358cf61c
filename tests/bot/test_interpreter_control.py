"""One interpreter for admins, whatever calls a room has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from bot.calls.commands import CommandRefused, Commands
from bot.interpreter_control import InterpreterController
from bot.interpreting.events import Order, TextTyped
from bot.room_plans import StoredRoomPlans


@dataclass(frozen=True)
class OneCall:
    room_id: str


class Plans:
    async def calls(self, room_id: str) -> list[OneCall]:
        return [OneCall(f"{room_id}/en-US"), OneCall(f"{room_id}/es-ES")]


@dataclass
class Taken:
    refusing: tuple[str, ...] = ()
    orders: list[tuple[str, Order]] = field(default_factory=list)
    paused: bool = False

    async def message(self, room_id: str, typed: TextTyped) -> str:
        if self.paused:
            raise CommandRefused("paused", "the interpreter is paused")
        if room_id in self.refusing:
            raise CommandRefused("not_running", "the interpreter is not in a call of this room")
        return f"{room_id}-text-{typed.utterance}"

    async def order(self, room_id: str, order: Order) -> None:
        if room_id in self.refusing:
            raise CommandRefused("not_live", "the interpreter is not in a call of this room")
        self.orders.append((room_id, order))


def controller(commands: Taken) -> InterpreterController:
    return InterpreterController(cast(Commands, commands), cast(StoredRoomPlans, Plans()))


async def test_every_call_is_told_since_another_replica_may_have_one_of_them() -> None:
    commands = Taken()
    await controller(commands).command("room-9", "resume")
    assert commands.orders == [("room-9/en-US", Order.RESUME), ("room-9/es-ES", Order.RESUME)]


async def test_it_is_refused_only_by_all() -> None:
    commands = Taken(refusing=("room-9/en-US",))
    await controller(commands).command("room-9", "pause")
    assert commands.orders == [("room-9/es-ES", Order.PAUSE)]
    with pytest.raises(CommandRefused):
        await controller(Taken(refusing=("room-9/en-US", "room-9/es-ES"))).command("room-9", "pause")


async def test_a_typed_text_goes_to_one_of_the_calls_which_share_an_interpreter() -> None:
    typed = TextTyped("7", "8:acs:ada", "Ada", "Hello", "en-US")
    commands = Taken(refusing=("room-9/en-US",))
    assert await controller(commands).message("room-9", typed) == "room-9/es-ES-text-7"
    with pytest.raises(CommandRefused, match="not_running"):
        await controller(Taken(refusing=("room-9/en-US", "room-9/es-ES"))).message("room-9", typed)
    with pytest.raises(CommandRefused, match="paused"):
        await controller(Taken(paused=True)).message("room-9", typed)
