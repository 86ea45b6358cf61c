"""Expected versions of conditional changes."""

from __future__ import annotations

from dataclasses import dataclass

from rooms_admin.errors import Changed


@dataclass(frozen=True, slots=True)
class Expected:
    """Versions at which a change may be made; None for any."""

    tags: frozenset[str] | None = None

    def check(self, version: int) -> None:
        """Raise `Changed` if `version` is not expected."""
        if self.tags is not None and str(version) not in self.tags:
            raise Changed("the resource was changed meanwhile; read it again")


ANY = Expected()
