"""Who is to hear what in which layout: the demo's own idea of it, which the recordings are held against. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from demo.script import Person, primary

Layout = Literal["shared", "sister"]
"""One ACS room for all, or one per language in which those sit who hear it: the bot's own words for it."""

Mode = Literal["consecutive", "simultaneous"]


@dataclass(frozen=True, slots=True)
class Seating:
    """Everybody at the meeting and where they sit."""

    people: Sequence[Person]
    layout: Layout = "shared"

    @property
    def languages(self) -> tuple[str, ...]:
        """Of the room, in its order."""
        return tuple(dict.fromkeys(tag for one in self.people for tag in (one.language, one.listens_to)))

    @property
    def spoken(self) -> tuple[str, ...]:
        """Languages, without region."""
        return tuple(dict.fromkeys(primary(tag) for tag in self.languages))

    def targets(self, speaker: Person) -> tuple[str, ...]:
        """The languages in which somebody else needs to hear what this person says, in the room's order."""
        needed = {one.listens_to for one in self.audience(speaker)}
        return tuple(tag for tag in self.languages if tag in needed)

    def audience(self, speaker: Person) -> list[Person]:
        """Those who need an interpretation of what this person says."""
        return [
            one for one in self.people if one is not speaker and primary(one.listens_to) != primary(speaker.language)
        ]

    def interpretations(self, listener: Person, speaker: Person) -> tuple[str, ...]:
        """The languages into which this listener hears this person interpreted, needed or not, in the order in which
        they are spoken."""
        return tuple(tag for tag in self.targets(speaker) if self.layout == "shared" or tag == listener.listens_to)

    def original_is_heard(self, listener: Person, speaker: Person) -> bool:
        """Whether the speaker's own voice is heard: they sit together, or it is the listener's language."""
        return (
            self.layout == "shared"
            or listener.listens_to == speaker.listens_to
            or primary(listener.listens_to) == primary(speaker.language)
        )
