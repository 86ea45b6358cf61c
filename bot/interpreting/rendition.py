"""One utterance in one lane, and all of them that are open, by utterance and lane."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.interpreting.captions import Utterance
from bot.interpreting.effects import Interpret, Translate
from bot.interpreting.ledger import Entry, EntryKind
from bot.interpreting.plan import Lane
from bot.interpreting.playout.floor import FloorEntry, FloorStage

STALE_S = 3.0
"""Seconds after the speaker's last word. An interpretation whose sound comes later is read, not heard: the meeting has
gone on (product page, section 6)."""
MODEL_SHARE_S = 2.5
"""Seconds the model is given in any case, however long the pause was that ended the turn: the worst of a healthy
model."""
MODEL_PATIENCE_S = 10.0
"""Seconds from the end of a turn to the model's first sign, and between two signs, before the model is given up. Models
need 0.5-2.5 s to their first audio (realtime protocol sheet, section 8): at four times the worst the model hangs."""


@dataclass(slots=True, eq=False)
class Rendition:
    """One utterance in one lane."""

    entry: Entry
    spoken: Utterance
    channels: tuple[str, ...]
    passed_through: tuple[str, ...] = ()
    """Channels that hear the speaker as they are, if they speak the target language."""
    via: Lane | None = None
    """The lane whose interpretation it interprets, if it is the second leg of a relay."""
    chair: bool = False
    """The chair's words go before all others."""
    asked: bool = False
    """The booth may speak: it was asked to, or it interprets simultaneously."""
    complete: bool = False
    """The booth has said its last word."""
    simultaneous: bool = False
    """The booth speaks while the speaker does."""
    final_flags: tuple[str, ...] | None = None
    """Flags of its caption, which is complete and not final: the same words may turn out to be the speaker's own."""
    unknown_until: float = 0.0
    """Until then it is held back while the language spoken is not known."""
    wordless: bool = False
    """Its booth has recognised no words in the speaker's audio."""
    letters: int = 0
    """Of the text since the booth was last asked."""
    judged_letters: int = 0
    """Of these, so many were there when the text was last judged."""
    heard_out_until: float = 0.0
    """Held back till then: it may interpret a backchannel."""
    doubted_until: float = 0.0
    """Held back till then: it may be no interpretation."""
    sound_bytes: int = 0
    """Voice since the booth was last asked, without the silence before it."""
    for_legs: bytearray = field(default_factory=bytearray)
    """Voice that second legs of relays are given once it is complete and no fault of it is known."""
    sound_at: float | None = None
    """When the first of that voice came."""
    last_sign_at: float = 0.0
    """When the booth last gave text or voice, or was asked."""
    passages: list[FloorEntry] = field(default_factory=list)
    """What is on the floor of a channel, or waits there."""
    heard: bool = False
    """It was played to its end on at least one channel."""
    reason: str = ""
    """What was wrong with it although it was heard."""
    unheard: str = ""
    """Why it is not heard on the channels where it is not."""

    @property
    def lane(self) -> Lane:
        return self.entry.lane

    @property
    def begun(self) -> bool:
        """Whether some of it has been heard somewhere."""
        return self.heard or self.entry.first_played_at is not None

    @property
    def droppable(self) -> bool:
        """Whether nobody would notice its loss: none of it has been heard, and no relay hangs on it."""
        interpreted = self.entry.kind is EntryKind.UTTERANCE and self.via is None
        return interpreted and not self.begun and not self.complete

    @property
    def sound_due_at(self) -> float:
        """When the first sound of an interpretation is due."""
        committed_at = self.entry.committed_at or 0.0
        given_at = committed_at - self.spoken.age_s
        return max((self.entry.ended_at or committed_at) + STALE_S, given_at + MODEL_SHARE_S)

    @property
    def sounding(self) -> bool:
        """Whether its first sound has come, on a channel."""
        return any(passage.stage is not FloorStage.WAITING for passage in self.passages)

    @property
    def expected_to_be_heard(self) -> bool:
        """Whether it is expected to be heard: it has its place on a floor, or the speaker has finished speaking."""
        return (self.spoken.ended_at is not None and not self.lane.typed) or bool(self.passages)

    def request(self, *, condensed: bool) -> Interpret | Translate:
        """Return what asks the booth for an interpretation, of the audio it has heard or of a typed text."""
        entry, lane = self.entry, self.lane
        if lane.typed:
            words = self.spoken.source_text or ""
            return Translate(lane, entry.utterance, words, entry.strict, entry.speed, condensed)
        return Interpret(lane, entry.utterance, entry.strict, entry.speed, condensed)

    def hold(self) -> None:
        """Hold it back for as long as something about it is not certain."""
        for passage in self.passages:
            passage.held_until = max(self.heard_out_until, self.unknown_until, self.doubted_until)

    @property
    def model_due_at(self) -> float | None:
        """When to give up waiting for the model; None before its turn and after its last word."""
        committed_at = self.entry.committed_at
        if committed_at is None or self.complete:
            return None
        return max(committed_at, self.last_sign_at) + MODEL_PATIENCE_S


class OpenRenditions:
    """The renditions of one room that are not settled."""

    def __init__(self) -> None:
        self._by_utterance: dict[str, dict[Lane, Rendition]] = {}
        """An utterance without open renditions is not in it."""

    def __contains__(self, utterance: object) -> bool:
        return utterance in self._by_utterance

    def add(self, rendition: Rendition) -> None:
        self._by_utterance.setdefault(rendition.spoken.id, {})[rendition.lane] = rendition

    def remove(self, rendition: Rendition) -> None:
        lanes = self._by_utterance[rendition.spoken.id]
        del lanes[rendition.lane]
        if not lanes:
            del self._by_utterance[rendition.spoken.id]

    def has(self, rendition: Rendition) -> bool:
        return self.find(rendition.lane, rendition.spoken.id) is rendition

    def owner(self, passage: FloorEntry) -> Rendition:
        """Return the rendition that a passage belongs to."""
        return self._by_utterance[passage.entry.utterance][passage.entry.lane]

    def find(self, lane: Lane, utterance: str) -> Rendition | None:
        return self._by_utterance.get(utterance, {}).get(lane)

    def expected(self, lane: Lane, utterance: str) -> Rendition | None:
        """Return the rendition a booth speaks about, if it may speak and has not said its last word."""
        found = self.find(lane, utterance)
        if found is None or not found.asked or found.complete or found.entry.kind is EntryKind.PASSTHROUGH:
            return None
        return found

    def of(self, utterance: str) -> list[Rendition]:
        """Return the renditions of an utterance, lane by lane."""
        return list(self._by_utterance.get(utterance, {}).values())

    def interpreted(self, utterance: str) -> list[Rendition]:
        """Return those that booths give, the second legs of relays first."""
        return sorted((one for one in self.of(utterance) if not one.lane.passthrough), key=lambda one: one.via is None)

    def legs(self, first: Rendition) -> list[Rendition]:
        """Return the renditions that interpret this one, and have not been asked for yet."""
        return [leg for leg in self.of(first.spoken.id) if leg.via == first.lane and leg.entry.committed_at is None]

    def all(self) -> list[Rendition]:
        return [rendition for lanes in self._by_utterance.values() for rendition in lanes.values()]
