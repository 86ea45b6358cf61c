"""Judges whether a session does its work, by how each of its answers ends. No I/O, no event loop, no clock.

    fresh ──good──► proved
      │ bad           │ bad  ▲ good
      └──────► doubtful ─────┘
                  └──bad──► sick     (`BoothLimits.bad_answers` in a row)

A session that is lost before it is proved, and after it heard speech, has died at its first audio. A bad answer is a
failure, one that is cut before its voice, does not come or does not end, one of silence, or none to somebody's words.
Neither good nor bad are refused content, lack of quota, which concerns all sessions, and what the session itself
refuses.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.interpreting.events import (
    BoothEvent,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    SourceText,
)
from bot.realtime.errors import QUOTA_CODES
from bot.realtime.messages import BYTES_PER_MS
from bot.realtime.noise_gate import LEVEL

LONG_BYTES = 2_000 * BYTES_PER_MS
"""2 s: so much speech has words in it, in however many utterances, even if there is no transcript to say so."""
LOOK_EVERY = 24
"""Every 24th sample is looked at, 1,000 a second: no voice is quiet at all of them."""

NOT_JUDGED = QUOTA_CODES | {
    "content_filter",
    "content_policy_violation",
    "endless",
    "input_audio_buffer_commit_empty",
    "nothing_heard",
    "not_said",
    "not_supported",
    "too_short",
}
"""Reasons of failures that say nothing about the session."""
NO_ANSWER = "no_answer"
SILENT = "silent"
"""Reasons for bad answers, as told to admins; failures have the service's own code."""


@dataclass(slots=True)
class _ExpectedAnswer:
    heard: int = 0
    """Bytes of speech."""
    waits_since: float | None = None
    """When it was asked for, or gave its last sign; None before it was asked for."""
    overdue: bool = False
    loud: bool = False
    text: bool = False
    words: bool | None = None
    """Whether the speaker said words, by the transcript; None while that is unknown."""
    empty: bool = False
    """It has ended with nothing, and the transcript will say whether that was right."""


class SessionHealth:
    """The health of one session."""

    def __init__(self, *, speaks: bool, patience_s: float | None, silence_is_bad: bool, transcribes: bool) -> None:
        """Args:
        speaks: it is to answer with a voice; else with text alone.
        patience_s: how long an answer may give no sign; None: its answers have no ends of their own.
        silence_is_bad: whoever speaks has to be interpreted; else the speaker may be speaking the target language.
        transcribes: a transcript follows each utterance.
        """
        self._speaks = speaks
        self._patience_s = patience_s
        self._silence_is_bad = silence_is_bad
        self._transcribes = transcribes
        self._answers: dict[str, _ExpectedAnswer] = {}
        self._unanswered = 0
        """Bytes of speech since the last good answer that nothing came of, transcripts included."""
        self.proved = False
        """It has given a good answer."""
        self.heard = False
        """It was given speech."""
        self.bad = 0
        """Bad answers in a row."""
        self.reason = ""
        """What was wrong with the last bad answer."""

    def died(self, *, soon: bool) -> bool:
        """Say whether a session that is lost has ended at its first audio; one without ends is sent silence at once."""
        return not self.proved and (self.heard or (soon and self._patience_s is None))

    def hear(self, utterance: str, size: int) -> None:
        """Count the bytes of speech that are sent."""
        self.heard = True
        answer = self._answers.get(utterance)
        if answer is None:
            answer = self._answers[utterance] = _ExpectedAnswer()
        answer.heard += size

    def asked(self, utterance: str, now: float) -> None:
        """Expect an answer to a complete utterance, or another answer to it."""
        before = self._answers.get(utterance, _ExpectedAnswer())
        self._answers[utterance] = _ExpectedAnswer(
            before.heard, now, loud=before.loud and before.waits_since is None, text=before.text, words=before.words
        )

    def forget(self, utterance: str) -> None:
        self._answers.pop(utterance, None)

    def take(self, event: BoothEvent, now: float) -> bool:
        """Judge what the session reports; returns whether it was the end of a good answer."""
        match event:
            case InterpretationAudio(_, utterance, pcm):
                if (answer := self._answers.get(utterance)) is not None:
                    if answer.waits_since is not None:
                        answer.waits_since = now
                    if not answer.loud:
                        answer.loud = _is_loud(pcm)
            case InterpretationText(_, utterance, _):
                if (answer := self._answers.get(utterance)) is not None:
                    answer.text = True
                    if answer.waits_since is not None:
                        answer.waits_since = now
            case SourceText(_, utterance, text):
                if (answer := self._answers.get(utterance)) is not None:
                    answer.words = None if text is None else bool(text.strip())
                    if answer.empty:
                        self.forget(utterance)
                        self._judge_silence(answer)
            case InterpretationEnded():
                return self._ended(event)
            case _:
                pass
        return False

    @property
    def deadline(self) -> float | None:
        """When `check` has something to do."""
        if self._patience_s is None:
            return None
        waiting = (
            answer.waits_since
            for answer in self._answers.values()
            if answer.waits_since is not None and not answer.overdue and not answer.empty
        )
        since = min(waiting, default=None)
        return None if since is None else since + self._patience_s

    def check(self, now: float) -> None:
        """Count answers that are overdue. They may still come, and are good then."""
        if self._patience_s is None:
            return
        for answer in self._answers.values():
            waits = answer.waits_since is not None and not answer.overdue and not answer.empty
            if waits and now >= (answer.waits_since or 0.0) + self._patience_s:
                answer.overdue = True
                self._bad(NO_ANSWER)

    def _ended(self, event: InterpretationEnded) -> bool:
        answer = self._answers.pop(event.utterance, _ExpectedAnswer())
        if answer.loud or (answer.text and not self._speaks):
            if event.outcome is not InterpretationOutcome.FAILED:
                self.proved, self.bad, self._unanswered = True, 0, 0
                return True
        if event.reason in NOT_JUDGED:
            return False
        if event.outcome is not InterpretationOutcome.COMPLETED:
            if not answer.overdue:
                self._bad(event.reason)
        elif answer.text:
            self._bad(SILENT)  # there are words to say, and no voice
        elif self._transcribes and answer.words is None and self._patience_s is not None:
            answer.empty = True
            self._answers[event.utterance] = answer
            self._forget_old()
        else:
            self._judge_silence(answer)
        return False

    def _judge_silence(self, answer: _ExpectedAnswer) -> None:
        """Judge an answer of nothing: right for a noise, and wherever the speaker may speak the target language."""
        if answer.words is None:
            self._unanswered += answer.heard
        said_something = self._unanswered >= LONG_BYTES if answer.words is None else answer.words
        if self._silence_is_bad and said_something and not answer.overdue:
            self._unanswered = 0
            self._bad(SILENT)

    def _bad(self, reason: str) -> None:
        self.bad += 1
        self.reason = reason

    def _forget_old(self) -> None:
        empty = [utterance for utterance, answer in self._answers.items() if answer.empty]
        for utterance in empty[:-8]:  # their transcripts never came
            self.forget(utterance)


def _is_loud(pcm: bytes) -> bool:
    samples = memoryview(pcm).cast("h")[::LOOK_EVERY]
    return bool(samples) and (max(samples) > LEVEL or min(samples) < -LEVEL)
