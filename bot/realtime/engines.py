"""From settings to booths: which engines there are for a lane in a mode, and what each is made of."""

from __future__ import annotations

import random
from dataclasses import dataclass

from bot.booth import BoothFactory, Deliver
from bot.interpreting.plan import Lane, Mode
from bot.realtime.booth import RealtimeBooth
from bot.realtime.capabilities import NOT_LISTED, Capabilities
from bot.realtime.client import Sockets
from bot.realtime.conversation_session import CAPTIONS, CONVERSATION, ConversationProtocol
from bot.realtime.engine_fallback import Engine, Ladder
from bot.realtime.messages import ConversationSettings
from bot.realtime.segmented_session import ShortCommits
from bot.realtime.session_base import SessionProtocol
from bot.realtime.timeouts import BoothLimits
from bot.realtime.translation_messages import TranslationSettings
from bot.realtime.translation_session import TRANSLATION, TranslationProtocol

SIMULTANEOUS = "simultaneous"


@dataclass(frozen=True, slots=True)
class Translation:
    """The translation deployment, if there is one."""

    capabilities: Capabilities
    settings: TranslationSettings = TranslationSettings()


def booth_factory(
    sockets: Sockets,
    deployment: str,
    settings: ConversationSettings | None = None,
    limits: BoothLimits | None = None,
    rng: random.Random | None = None,
    *,
    translation: Translation | None = None,
) -> BoothFactory:
    """Return what opens a booth for a lane.

    Args:
        deployment: name of the Realtime model's deployment.
        rng: spreads the attempts to reconnect.
        translation: for simultaneous lanes; without it they have conversations with short commits.
    """
    limits = limits or BoothLimits()
    spoken = settings or ConversationSettings()
    jitter = rng or random.Random()

    def conversation(lane: Lane, *, simultaneous: bool, text_only: bool) -> Engine:
        def protocol(instructions: str) -> SessionProtocol:
            session = ConversationProtocol(lane, instructions, spoken, text_only=text_only)
            return ShortCommits(lane, session) if simultaneous else session

        name = CAPTIONS if text_only else CONVERSATION
        return Engine(name, f"{CONVERSATION} {deployment}", lambda: sockets.conversation(deployment), protocol)

    def booth(
        lane: Lane, instructions: str, deliver: Deliver, mode: Mode = Mode.CONSECUTIVE, voice: bool = True, /
    ) -> RealtimeBooth:
        simultaneous = mode == SIMULTANEOUS
        kinds = (False, True) if voice else (True,)
        engines = [conversation(lane, simultaneous=simultaneous, text_only=text_only) for text_only in kinds]
        refusal = None
        if voice and simultaneous and translation is not None:
            refusal = translation.capabilities.refusal(lane.target)
            if refusal != NOT_LISTED:  # else nobody wants it tried, now or later
                engines.insert(0, _translating(sockets, lane, translation))
        ladder = Ladder(engines, limits.restore_after_s)
        return RealtimeBooth(
            lane, instructions, deliver, ladder, limits, jitter, refused=None if refusal == NOT_LISTED else refusal
        )

    return booth


def _translating(sockets: Sockets, lane: Lane, translation: Translation) -> Engine:
    deployment = translation.capabilities.deployment
    return Engine(
        TRANSLATION,
        f"{TRANSLATION} {deployment}",
        lambda: sockets.translation(deployment),
        lambda instructions: TranslationProtocol(lane, translation.settings),
    )
