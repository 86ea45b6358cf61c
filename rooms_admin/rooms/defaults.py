"""Chooses mode and layout of a room whose request does not name them, and says why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rooms_admin.rooms.language_tags import primary
from rooms_admin.rooms.requests import ChangedSettings
from rooms_admin.rooms.room import RoomLayout, RoomMedia, RoomMode

MOST_IN_ONE_ROOM = 2
"""Languages whose interpretations can be heard one after the other in one room: of three, two thirds of the time
somebody hears a language they do not understand, and interpretations fall behind."""


def choose(
    languages: Sequence[str], mode: RoomMode | None, settings: ChangedSettings, media: RoomMedia = "acs"
) -> tuple[RoomMode, RoomLayout, Mapping[str, str]]:
    """Return mode, layout, and why each that was chosen here was chosen.

    Varieties of a language count once, since they share a voice, unless the room separates them.
    """
    count = len(set(languages) if settings.separate_varieties else set(map(primary, languages)))
    chosen: dict[str, str] = {}
    layout = settings.layout
    if layout is None and media == "web":
        layout = "channels"
        chosen["layout"] = "media web: each listens to the channel of their language by browser"
    elif layout is None:
        layout = "shared"
        chosen["layout"] = f"{count} languages: interpretations can take turns in one room"
        if count > MOST_IN_ONE_ROOM:
            layout = "channels" if settings.mixed else "sister"
            place = "a channel" if settings.mixed else "a room"
            chosen["layout"] = f"{count} languages: interpretations would fall behind in one room, so each has {place}"
    if mode is None:
        mode = "consecutive"
        if count <= MOST_IN_ONE_ROOM:
            chosen["mode"] = f"{count} languages: interpretations follow what was said"
        elif layout == "shared":
            chosen["mode"] = "layout shared: interpretations take turns in one room"
        else:
            mode = "simultaneous"
            chosen["mode"] = f"{count} languages: each is heard apart, while people speak"
    return mode, layout, chosen
