"""Makes booths from settings: which engines a lane has in each mode, and how each is built."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from bot.booth import BoothFactory, Deliver
from bot.interpreting.plan import AUTO, Lane, Mode
from bot.realtime.booth import RealtimeBooth
from bot.realtime.capabilities import NOT_LISTED, Capabilities
from bot.realtime.client import ModelSockets
from bot.realtime.conversation_messages import ConversationSettings
from bot.realtime.conversation_session import CAPTIONS, CONVERSATION, ConversationSession
from bot.realtime.engine_fallback import Engine, EngineFallback
from bot.realtime.segmented_session import SegmentedSession
from bot.realtime.session_base import RealtimeSession, SessionCounters
from bot.realtime.session_health import SessionHealth
from bot.realtime.speech_backlog import BacklogCounters
from bot.realtime.timeouts import BoothLimits
from bot.realtime.translation_messages import TranslationSettings
from bot.realtime.translation_session import TRANSLATION, TranslationSession

SIMULTANEOUS = "simultaneous"

FollowCounters = Callable[[object, BacklogCounters | SessionCounters], None]


@dataclass(frozen=True, slots=True)
class Translation:
    """The translation deployment."""

    capabilities: Capabilities
    settings: TranslationSettings = TranslationSettings()
    despite_terms: bool = True
    """Use it for lanes with terms of a glossary too, which it does not keep to; else they are conversations."""


def booth_factory(
    sockets: ModelSockets,
    deployment: str,
    settings: ConversationSettings | None = None,
    limits: BoothLimits | None = None,
    rng: random.Random | None = None,
    *,
    translation: Translation | None = None,
    follow: FollowCounters = lambda owner, counters: None,
) -> BoothFactory:
    """Return a factory that makes the booth of a lane.

    Args:
        deployment: name of the Realtime model's deployment.
        rng: source of the jitter between attempts to reconnect.
        translation: for simultaneous lanes; without it they use conversations with short commits.
        follow: called with each booth and each session that is made, and with its counters.
    """
    limits = limits or BoothLimits()
    spoken = settings or ConversationSettings()
    jitter = rng or random.Random()

    def conversation(lane: Lane, *, simultaneous: bool, text_only: bool) -> Engine:
        def session(instructions: str) -> RealtimeSession:
            whole = ConversationSession(lane, instructions, spoken, text_only=text_only)
            follow(whole, whole.counters)
            return SegmentedSession(lane, whole) if simultaneous else whole

        def health() -> SessionHealth:
            return SessionHealth(
                speaks=not text_only,
                patience_s=limits.answer_s,
                silence_is_bad=lane.source != AUTO,
                transcribes=spoken.transcribe is not None,
            )

        name = CAPTIONS if text_only else CONVERSATION
        return Engine(name, f"{CONVERSATION} {deployment}", lambda: sockets.conversation(deployment), session, health)

    def booth(
        lane: Lane,
        instructions: str,
        deliver: Deliver,
        mode: Mode = Mode.CONSECUTIVE,
        voice: bool = True,
        terms: bool = False,
        /,
    ) -> RealtimeBooth:
        simultaneous = mode == SIMULTANEOUS
        kinds = (False, True) if voice else (True,)
        engines = [conversation(lane, simultaneous=simultaneous, text_only=text_only) for text_only in kinds]
        refusal = None
        if voice and simultaneous and translation is not None and (translation.despite_terms or not terms):
            refusal = translation.capabilities.refusal(lane.target)
            if refusal != NOT_LISTED:  # else the settings exclude it
                engines.insert(0, _translating(sockets, lane, translation, follow))
        fallback = EngineFallback(engines, limits)
        refused = None if refusal == NOT_LISTED else refusal
        made = RealtimeBooth(lane, instructions, deliver, fallback, limits, jitter, refused=refused)
        follow(made, made.counters)
        return made

    return booth


def _translating(sockets: ModelSockets, lane: Lane, translation: Translation, follow: FollowCounters) -> Engine:
    deployment = translation.capabilities.deployment

    def session(instructions: str) -> RealtimeSession:
        made = TranslationSession(lane, translation.settings)
        follow(made, made.counters)
        return made

    return Engine(
        TRANSLATION,
        f"{TRANSLATION} {deployment}",
        lambda: sockets.translation(deployment),
        session,
        lambda: SessionHealth(
            speaks=True,
            patience_s=None,
            silence_is_bad=lane.source != AUTO,
            transcribes=translation.settings.transcribe is not None,
        ),
    )
