"""Transfers the other party of a two-party call to somebody else."""

from __future__ import annotations

from emulator.acs.calls.actions.host import Operation
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.phones import NoAnswer
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.wire.callback_events import CONVERSATION_ENDED, Result, user_identifier

# Documented: transfer is for calls of two parties; the sub-code is not published.
_NOT_TWO = Result(400, 8523, "Only a call of two parties can be transferred.")


async def transfer(
    calls: Calls,
    connection: CallConnection,
    call: RoomCall,
    target: str,
    transferee: str | None,
    operation: Operation,
) -> None:
    """Ring the target; on its answer, move the transferee to it and disconnect the bot. An event reports the result."""

    def failed(result: Result) -> None:
        connection.say("CallTransferFailed", result, operation.context, operation.callback_uri)

    others = call.legs
    if call.room_id is not None or len(others) != 1 or transferee not in (None, others[0].raw_id):
        failed(_NOT_TWO)
        return
    (other,) = others
    new = calls.open_call(None, None, two_party=True)
    try:
        answered = await calls.phones.ring(target, other.raw_id, other.display_name, new)
    except NoAnswer as error:
        new.end()
        failed(error.result)
        return
    if call.over or other not in call.legs:
        if answered is not None:
            answered.drop("the caller is gone")
        new.end()
        failed(Result(404, 8522, "Call not found."))
        return
    if answered is not None:
        new.arrive(answered)
    connection.say(
        "CallTransferAccepted",
        Result(),
        operation.context,
        operation.callback_uri,
        transferTarget=user_identifier(target),
        transferee=user_identifier(other.raw_id),
    )
    calls.move(other, call, new)
    call.dismiss(connection, Result(200, 7000, CONVERSATION_ENDED))
