"""Derives who should hear what in each layout, independently of the bot; recordings are checked against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from demo.script import Person, primary

Layout = Literal["shared", "sister"]
"""One ACS room for everybody, or a room per language; the values of the bot's setting."""

Mode = Literal["consecutive", "simultaneous"]


@dataclass(frozen=True, slots=True)
class MeetingPlan:
    """The people of a meeting and its layout."""

    people: Sequence[Person]
    layout: Layout = "shared"

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the room's languages (BCP 47) in order."""
        return tuple(dict.fromkeys(tag for one in self.people for tag in (one.language, one.listens_to)))

    @property
    def spoken(self) -> tuple[str, ...]:
        """Return the languages without region (ISO 639-1)."""
        return tuple(dict.fromkeys(primary(tag) for tag in self.languages))

    def targets(self, speaker: Person) -> tuple[str, ...]:
        """Return the languages that others need an interpretation into, in the room's order."""
        needed = {one.listens_to for one in self.audience(speaker)}
        return tuple(tag for tag in self.languages if tag in needed)

    def audience(self, speaker: Person) -> list[Person]:
        """Return the people who need an interpretation of this person."""
        return [
            one for one in self.people if one is not speaker and primary(one.listens_to) != primary(speaker.language)
        ]

    def interpretations(self, listener: Person, speaker: Person) -> tuple[str, ...]:
        """Return the languages of all interpretations of this speaker that the listener hears, in speaking order."""
        heard = {listener.listens_to}
        if self.layout == "shared" and not listener.by_browser:  # what anybody in the call needs, all of them hear
            heard |= {one.listens_to for one in self.people if not one.by_browser and one is not speaker}
        return tuple(tag for tag in self.targets(speaker) if tag in heard)

    def original_is_heard(self, listener: Person, speaker: Person) -> bool:
        """Return whether the listener hears the speaker's own voice: in the same room, in their language, or by the
        floor, which people have who come by browser.
        """
        return (
            self.layout == "shared"
            or listener.by_browser
            or listener.listens_to == speaker.listens_to
            or primary(listener.listens_to) == primary(speaker.language)
        )
