"""Encodes records as JSON documents of which each can be read again, and sets aside those that cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Generic, TypeVar

import msgspec

from storage.errors import UnstorableValue
from storage.health import StoreHealth

MOST = 2**53 - 1
Whole = Annotated[int, msgspec.Meta(ge=-MOST, le=MOST)]
"""A whole number that every reader of JSON reads as it was written (RFC 8259, section 6), and that SQLite can hold."""

Record = TypeVar("Record")
Name = TypeVar("Name", bound=tuple[str, ...])


class Documents(Generic[Record]):
    """The documents of a kind of record. Holds no records."""

    def __init__(self, kind: str, of: type[Record], health: StoreHealth) -> None:
        """`kind`: what operators call the record; unreadable ones are reported to `health`."""
        self._kind = kind
        self._decoder = msgspec.json.Decoder(of)
        self._health = health

    def encode(self, record: Record) -> bytes:
        """Encode a record.

        Raises:
            UnstorableValue: it would be read back as something else, such as a number that is not finite.
        """
        try:
            document = msgspec.json.encode(record)
            same = self._decoder.decode(document) == record
        except (ValueError, RecursionError) as error:
            raise UnstorableValue(f"a value of the {self._kind} cannot be stored") from error
        if not same:
            raise UnstorableValue(f"a value of the {self._kind} cannot be stored")
        return document

    def encode_each(self, records: Mapping[Name, Record]) -> Iterator[tuple[Name, Record, bytes]]:
        """Encode records; those that raise `UnstorableValue` are reported and left out, for the sake of the others."""
        for name, record in records.items():
            try:
                document = self.encode(record)
            except UnstorableValue as error:
                self._health.refused(self._kind, "/".join(name), str(error))
            else:
                yield name, record, document

    def decode(self, name: str, document: bytes | str) -> Record | None:
        """Decode what is stored under `name`; None if it cannot be read: it is reported, and stays as it is."""
        try:
            return self._decoder.decode(document)
        except (ValueError, RecursionError) as error:
            self._health.set_aside(self._kind, name, type(error).__name__)
            return None
