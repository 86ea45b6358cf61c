"""Versions a change is meant for."""

from __future__ import annotations

from dataclasses import dataclass

from rooms_admin.errors import Changed


@dataclass(frozen=True, slots=True)
class Expected:
    """Which versions a change is meant for; none named: whichever it is."""

    tags: frozenset[str] | None = None

    def check(self, version: int) -> None:
        """`Changed` if it is another version by now."""
        if self.tags is not None and str(version) not in self.tags:
            raise Changed("it has been changed in the meantime: look at it again")


ANY = Expected()
