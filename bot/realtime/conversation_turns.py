"""The turns of a conversation session: the state of each utterance, and where it is found.

    HEARING ─interpret─► COMMITTING ─committed─► ANSWERING ─response.done─► KEPT ─release─► ENDED ─► forgotten
       │ too short           │ error                 │ ▲                      │ interpret
       │                     │                       │ └──────────────────────┘
       └─────────────────────┴───────────────────────┴──► InterpretationEnded(FAILED)

At most `KEPT_LIMIT` turns are kept, each for `KEEP_S`: the context is as small after hours as at the beginning. A turn
of a text begins with ANSWERING and has no item. A cancelled turn takes the same way without events, so
that the service keeps nothing of it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from bot.realtime.errors import SessionError
from bot.realtime.messages import BYTES_PER_MS, Response

ENDLESS_FACTOR = 3
"""An interpretation this many times as long as its source comes from a model that does not stop; 1.5 is usual."""
ENDLESS_EXTRA_MS = 5_000
"""Added to the limit, for short utterances."""
READING_MS_PER_CHARACTER = 100
"""Slow speech in alphabetic scripts has 10 characters a second."""

TURNS_LIMIT = 64
"""Turns for which an answer of the service is still missing. The room gives up on each after seconds, so this many mean
that the service ends none."""

COMMIT_PATIENCE_S = 3.0
"""Time for the acknowledgement of a commit, which a service that reads sends at once."""
DOUBT_S = 0.5
"""Time for what waits to be acknowledged all the same, after an error that does not say what it is about: a service
acknowledges at once."""
COMMIT_REFUSED = "input_audio_buffer_commit"
"""How the codes of errors about commits begin."""

KEEP_S = 15.0
"""How long an ended turn may be interpreted again: its text is checked as soon as it is complete."""
KEPT_LIMIT = 8
"""Ended turns that may be interpreted again; beyond it the oldest is deleted."""


def longest_interpretation(source_bytes: int) -> int:
    """Return the bytes of audio after which the interpretation of `source_bytes` of speech is cut."""
    return ENDLESS_FACTOR * source_bytes + ENDLESS_EXTRA_MS * BYTES_PER_MS


class TurnStage(Enum):
    """Stage of a turn."""

    HEARING = auto()
    COMMITTING = auto()
    ANSWERING = auto()
    KEPT = auto()
    """The interpretation has ended; the utterance may be interpreted again."""
    ENDED = auto()


@dataclass(slots=True)
class ResponseTurn:
    """One utterance in a conversation session, and the response that interprets it."""

    utterance: str
    stage: TurnStage = TurnStage.HEARING
    appended: int = 0
    """Bytes of source audio."""
    committed_at: float = 0.0
    ended_at: float = 0.0
    instructions: str = ""
    """Instructions of the next response."""
    speed: float = 1.0
    text: str | None = None
    """Text to read aloud or to interpret; None for heard utterances."""
    attempt: int = 0
    request: int = 0
    """Number of the last request about it that the service acknowledges: requests are counted over the session."""
    item_id: str | None = None
    response_id: str | None = None
    cutting: str | None = None
    """Id of a response that was cut and whose end was not received yet."""
    transcribed: bool = False
    released: bool = False
    cancelled: bool = False
    spoken: int = 0
    """Bytes of audio received in the current attempt."""
    odd_byte: bytes = b""
    """Half a sample at the end of the last delta."""
    commentary: set[str] = field(default_factory=set)
    """Ids of output items that are not the interpretation."""

    @property
    def longest(self) -> int:
        """Bytes of audio the interpretation may have."""
        if self.text is None:
            return longest_interpretation(self.appended)
        return longest_interpretation(len(self.text) * READING_MS_PER_CHARACTER * BYTES_PER_MS)

    def begin_attempt(self, instructions: str, speed: float) -> None:
        """Reset what belongs to one response, before another is requested."""
        self.attempt += 1
        self.instructions = instructions
        self.speed = speed
        self.spoken = 0
        self.odd_byte = b""
        self.response_id = None


class ConversationTurns:
    """The turns of one session, by utterance, by item and by response."""

    def __init__(self, *, transcribes: bool, delete: Callable[[str], None]) -> None:
        """`delete` has an item deleted. `transcribes`: each item is also transcribed, before it may be deleted."""
        self.hearing: ResponseTurn | None = None
        self.committing: deque[ResponseTurn] = deque()
        """Turns whose commit is not acknowledged, in order."""
        self._transcribes = transcribes
        self._delete = delete
        self._all: OrderedDict[str, ResponseTurn] = OrderedDict()
        self._kept: OrderedDict[str, ResponseTurn] = OrderedDict()
        self._doubted: dict[str, tuple[str, float]] = {}
        """Utterances that an error may have been about, its code, and until when the turn may prove the contrary."""
        self._requests = 0
        self._by_item: dict[str, ResponseTurn] = {}
        self._by_response: dict[str, ResponseTurn] = {}

    # --- found ---------------------------------------------------------------------------------

    def find(self, utterance: str | None) -> ResponseTurn | None:
        return self._all.get(utterance or "")

    def by_item(self, item_id: str | None) -> ResponseTurn | None:
        return self._by_item.get(item_id or "")

    def by_response(self, response_id: str | None) -> ResponseTurn | None:
        return self._by_response.get(response_id or "")

    def of(self, response: Response) -> ResponseTurn | None:
        """Return the turn that a response interprets, if it is the one that was requested last."""
        turn = self._by_response.get(response.id)
        if turn is not None:
            return turn
        turn = self.find(response.utterance)
        if turn is None or turn.stage is not TurnStage.ANSWERING or turn.response_id is not None:
            return None
        return turn if response.attempt == str(turn.attempt) else None

    def only_waiting_for_a_response(self) -> ResponseTurn | None:
        """Return the turn whose response is not acknowledged, if there is exactly one."""
        waiting = [turn for turn in self._waiting() if turn.stage is TurnStage.ANSWERING]
        return waiting[0] if len(waiting) == 1 else None

    def _waiting(self) -> list[ResponseTurn]:
        """Return the turns that wait for the service to accept their request, in the order of these."""
        stages = (TurnStage.COMMITTING, TurnStage.ANSWERING)
        found = [turn for turn in self._all.values() if turn.stage in stages and turn.response_id is None]
        return sorted(found, key=lambda turn: turn.request)

    def unfinished(self) -> tuple[str, ...]:
        over = (TurnStage.KEPT, TurnStage.ENDED)
        return tuple(turn.utterance for turn in self._all.values() if turn.stage not in over and not turn.cancelled)

    @property
    def answering(self) -> bool:
        return any(turn.stage is TurnStage.ANSWERING for turn in self._all.values())

    @property
    def keeps_any(self) -> bool:
        return bool(self._kept)

    @property
    def _kept_until(self) -> float | None:
        return next(iter(self._kept.values())).ended_at + KEEP_S if self._kept else None

    @property
    def deadline(self) -> float | None:
        """When to `check`."""
        acknowledged_by = self.committing[0].committed_at + COMMIT_PATIENCE_S if self.committing else None
        doubted_until = min((until for _, until in self._doubted.values()), default=None)
        return min((at for at in (acknowledged_by, self._kept_until, doubted_until) if at is not None), default=None)

    # --- changed -------------------------------------------------------------------------------

    def begin(self, turn: ResponseTurn) -> ResponseTurn:
        """Add a turn, and forget one for which only messages that tidy up are missing, if there are too many.

        Raises:
            SessionError: there is no such turn.
        """
        if len(self._all) >= TURNS_LIMIT:
            self._evict()
        self._all[turn.utterance] = turn
        return turn

    def _evict(self) -> None:
        for turn in self._all.values():
            over = turn.stage in (TurnStage.KEPT, TurnStage.ENDED)
            if over or (turn.cancelled and turn.stage is TurnStage.ANSWERING):
                self._kept.pop(turn.utterance, None)
                turn.stage = TurnStage.ENDED
                turn.transcribed = True
                self._by_response.pop(turn.response_id or "", None)
                self.cut_off(turn)
                return
        raise SessionError("unanswered", "the service completes no response")

    def stop_hearing(self, turn: ResponseTurn) -> None:
        """Forget a turn that was not committed."""
        self.hearing = None
        del self._all[turn.utterance]

    def commit(self, turn: ResponseTurn, now: float) -> None:
        """Wait for the acknowledgement of the turn that was heard."""
        self.hearing = None
        self._request(turn, TurnStage.COMMITTING)
        turn.committed_at = now
        self.committing.append(turn)

    def committed(self, item_id: str) -> ResponseTurn:
        """Note that the oldest commit is acknowledged."""
        turn = self.committing.popleft()
        self._doubted.pop(turn.utterance, None)
        turn.item_id = item_id
        self._by_item[item_id] = turn
        return turn

    def ask(self, turn: ResponseTurn) -> None:
        """Wait for the acknowledgement of a response."""
        self._request(turn, TurnStage.ANSWERING)

    def _request(self, turn: ResponseTurn, stage: TurnStage) -> None:
        self._requests += 1
        turn.stage, turn.request = stage, self._requests

    def begin_response(self, turn: ResponseTurn, response_id: str) -> None:
        turn.response_id = response_id
        self._doubted.pop(turn.utterance, None)
        self._by_response[response_id] = turn

    def ask_again(self, turn: ResponseTurn) -> None:
        """Take up a kept turn, to have it interpreted once more."""
        del self._kept[turn.utterance]

    def end(self, turn: ResponseTurn, now: float) -> None:
        """Note that a response has ended; the turn is kept for another, unless it is not wanted any more."""
        if turn.response_id is not None:
            self._by_response.pop(turn.response_id, None)
            turn.response_id = None
        self._doubted.pop(turn.utterance, None)
        turn.ended_at = now
        if turn.item_id is None or turn.released or turn.cancelled:
            turn.stage = TurnStage.ENDED
            self.forget_if_over(turn)
        else:
            turn.stage = TurnStage.KEPT
            self._kept[turn.utterance] = turn
            if len(self._kept) > KEPT_LIMIT:
                self.end_kept(next(iter(self._kept.values())))

    def end_kept(self, turn: ResponseTurn) -> None:
        del self._kept[turn.utterance]
        turn.stage = TurnStage.ENDED
        self.forget_if_over(turn)

    def doubt(self, code: str, now: float) -> None:
        """Suspect the oldest request that waits: what was asked before it is acknowledged, as a service does in order.

        If the code says that it is about a commit, there is no doubt; `check` returns the turn at once.
        """
        if code.startswith(COMMIT_REFUSED) and self.committing:
            self._doubted[self.committing[0].utterance] = code, now
            return
        turn = next((turn for turn in self._waiting() if turn.utterance not in self._doubted), None)
        if turn is not None:
            self._doubted[turn.utterance] = code, now + DOUBT_S

    def check(self, now: float) -> list[tuple[ResponseTurn, str]]:
        """Delete turns that were kept for long enough; return those that were refused, with the codes of the errors.

        Raises:
            SessionError: the service does not acknowledge a commit.
        """
        if self.committing and now >= self.committing[0].committed_at + COMMIT_PATIENCE_S:
            raise SessionError("unacknowledged", "a commit was not acknowledged in time")
        while self._kept_until is not None and now >= self._kept_until:
            self.end_kept(next(iter(self._kept.values())))
        due = [(utterance, code) for utterance, (code, until) in self._doubted.items() if now >= until]
        return [(self._all[utterance], code) for utterance, code in due]

    def cut_off(self, turn: ResponseTurn) -> None:
        """Note that a response that was cut has ended at the service too."""
        self._by_response.pop(turn.cutting or "", None)
        turn.cutting = None
        self.forget_if_over(turn)

    def forget_if_over(self, turn: ResponseTurn) -> None:
        """Delete the item once nothing more is expected of it: an earlier deletion has no documented effect."""
        if turn.stage is not TurnStage.ENDED or turn.cutting is not None:
            return
        if turn.item_id is not None:
            if self._transcribes and not turn.transcribed:
                return
            self._by_item.pop(turn.item_id, None)
            self._delete(turn.item_id)
        self._doubted.pop(turn.utterance, None)
        del self._all[turn.utterance]
