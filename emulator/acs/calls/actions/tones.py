"""Keypad tones of a call: reported as they are pressed, and sent to phones."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from emulator.acs.calls.actions.host import DONE, NOT_PRESENT, Host, Operation
from emulator.acs.calls.actions.rules import MediaRules
from emulator.acs.wire.errors import bad_argument, invalid_operation

# The service's words for the keys, and what `DtmfData` says for each.
KEYS = {
    **{word: str(digit) for digit, word in enumerate("zero one two three four five six seven eight nine".split())},
    **{letter: letter for letter in "abcd"},
    "pound": "#",
    "asterisk": "*",
}
# Documented for sendDtmfTones.
MOST_TONES = 18
# Seconds of a tone and the gap after it; the service's own pace is not published.
_TONE_S = 0.1


@dataclass(slots=True)
class _Listening:
    operation: Operation
    heard: int = 0


class Tones:
    """Continuous recognition and sending of tones, for one connection."""

    def __init__(self, host: Host, rules: MediaRules) -> None:
        self._host = host
        self._rules = rules
        self._listening: dict[str, _Listening] = {}

    def pressed(self, raw_id: str, tone: str) -> None:
        """Report a key that a participant pressed."""
        listening = self._listening.get(raw_id)
        if listening is not None:
            listening.heard += 1
            operation = listening.operation
            self._host.say(
                "ContinuousDtmfRecognitionToneReceived",
                DONE,
                operation.context,
                operation.callback_uri,
                sequenceId=listening.heard,
                tone=tone,
            )

    def listen(self, raw_id: str, operation: Operation) -> None:
        """Report every key that this participant presses; a second request replaces the context.

        Raises:
            AcsError: 412/8583.
        """
        self._rules.check("continuous dtmf")
        self._listening[raw_id] = _Listening(operation)

    def stop_listening(self, raw_id: str, operation: Operation) -> None:
        """Stop reporting keys; does nothing if none are reported."""
        self._listening.pop(raw_id, None)
        self._host.say("ContinuousDtmfRecognitionStopped", DONE, operation.context, operation.callback_uri)

    def send(self, raw_id: str, tones: list[str], operation: Operation) -> None:
        """Send keys to a phone in the call.

        Raises:
            AcsError: 400 unknown or too many tones, or the target is no phone; 412/8583.
        """
        if not 1 <= len(tones) <= MOST_TONES or not KEYS.keys() >= set(tones):
            raise bad_argument(f"Tones are 1 to {MOST_TONES} words of {', '.join(KEYS)}.")
        if not raw_id.startswith("4:"):
            raise invalid_operation("Tones can be sent to phone numbers only.")
        self._rules.check("send dtmf")
        self._host.spawn(self._send(raw_id, tones, operation), "send dtmf")

    async def _send(self, raw_id: str, tones: list[str], operation: Operation) -> None:
        with self._rules.running("send dtmf"):
            await asyncio.sleep(_TONE_S * len(tones))
        there = self._host.present(raw_id)
        kind, result = ("SendDtmfTonesCompleted", DONE) if there else ("SendDtmfTonesFailed", NOT_PRESENT)
        self._host.services.journal.note("tones.sent", to=raw_id, tones=tones, delivered=there)
        self._host.say(kind, result, operation.context, operation.callback_uri)
