"""Tables of the SQLite file, as a list of migrations. A migration is never edited once released.

Columns beside a document serve queries; the document is authoritative. Times are milliseconds since the Unix epoch. The
table `passages` holds closed ledger records, `open_passages` open ones, `answers` stored responses. `room_id` names an
existing room: deleting a room deletes the rows that belong to it.
"""

from __future__ import annotations

from storage.sqlite import Migration

MIGRATIONS: tuple[Migration, ...] = (
    (  # 1: rooms
        """CREATE TABLE rooms (
            room_id TEXT PRIMARY KEY,
            acs_room_id TEXT NOT NULL,
            join_code TEXT NOT NULL,
            name TEXT NOT NULL,
            languages TEXT NOT NULL,
            mode TEXT NOT NULL,
            valid_from INTEGER NOT NULL,
            valid_until INTEGER NOT NULL,
            document TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX rooms_by_acs_room ON rooms (acs_room_id)",
        "CREATE INDEX rooms_by_join_code ON rooms (join_code)",
        "CREATE INDEX rooms_by_name ON rooms (name, room_id)",
        "CREATE INDEX rooms_by_end ON rooms (valid_until, room_id)",
    ),
    (  # 2: transcript lines and ledger records
        """CREATE TABLE lines (
            room_id TEXT NOT NULL,
            utterance_id TEXT NOT NULL,
            language TEXT NOT NULL,
            timestamp_ms INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            document TEXT NOT NULL,
            PRIMARY KEY (room_id, utterance_id, language)
        ) WITHOUT ROWID""",
        "CREATE INDEX lines_by_time ON lines (room_id, timestamp_ms)",
        """CREATE TABLE passages (
            number INTEGER PRIMARY KEY,
            room_id TEXT NOT NULL,
            utterance_id TEXT NOT NULL,
            target TEXT NOT NULL,
            closed_ms INTEGER NOT NULL,
            document TEXT NOT NULL,
            UNIQUE (room_id, utterance_id, target)
        )""",
        "CREATE INDEX passages_by_time ON passages (room_id, closed_ms)",
    ),
    (  # 3: proofs of deletion: ids and counts, no content
        """CREATE TABLE deletions (
            room_id TEXT PRIMARY KEY,
            deleted_ms INTEGER NOT NULL,
            document TEXT NOT NULL
        ) WITHOUT ROWID""",
    ),
    (  # 4: glossaries, all versions; the request that created a room
        """CREATE TABLE glossaries (
            room_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            document TEXT NOT NULL,
            PRIMARY KEY (room_id, version)
        ) WITHOUT ROWID""",
        "ALTER TABLE rooms ADD COLUMN request_key TEXT",
        "CREATE UNIQUE INDEX rooms_by_request ON rooms (request_key)",
    ),
    (  # 5: stored responses; a key may be used again once its response has expired
        """CREATE TABLE answers (
            caller TEXT NOT NULL,
            key TEXT NOT NULL,
            fingerprint BLOB NOT NULL,
            owner TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            room_id TEXT,
            answer BLOB,
            PRIMARY KEY (caller, key)
        ) WITHOUT ROWID""",
        "CREATE INDEX answers_by_room ON answers (room_id)",
        "CREATE INDEX answers_by_time ON answers (created_ms)",
        "DROP INDEX rooms_by_request",
        "CREATE INDEX rooms_by_request ON rooms (request_key)",
    ),
    (  # 6: webhook subscriptions and deliveries
        """CREATE TABLE subscriptions (
            subscription_id TEXT PRIMARY KEY,
            room_id TEXT,
            document TEXT NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE deliveries (
            delivery_id TEXT PRIMARY KEY,
            subscription_id TEXT NOT NULL,
            room_id TEXT NOT NULL,
            event TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            due_ms INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            state TEXT NOT NULL,
            status INTEGER,
            error TEXT,
            body TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX deliveries_by_time ON deliveries (state, due_ms)",
        "CREATE INDEX deliveries_by_subscription ON deliveries (subscription_id, delivery_id)",
        "CREATE INDEX deliveries_by_room ON deliveries (room_id)",
    ),
    (  # 7: open ledger records; key-value pairs and queues, ordered by number
        """CREATE TABLE open_passages (
            room_id TEXT NOT NULL,
            utterance_id TEXT NOT NULL,
            target TEXT NOT NULL,
            opened_ms INTEGER NOT NULL,
            document TEXT NOT NULL,
            PRIMARY KEY (room_id, utterance_id, target)
        ) WITHOUT ROWID""",
        """CREATE TABLE state (
            key TEXT PRIMARY KEY,
            value BLOB NOT NULL,
            until_ms INTEGER
        ) WITHOUT ROWID""",
        "CREATE INDEX state_by_time ON state (until_ms)",
        """CREATE TABLE state_queue (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            queue TEXT NOT NULL,
            item BLOB NOT NULL
        )""",
        "CREATE INDEX state_queue_by_queue ON state_queue (queue, number)",
    ),
    (  # 8: ACS rooms of a room, which may have several
        """CREATE TABLE acs_rooms (
            acs_room_id TEXT NOT NULL,
            room_id TEXT NOT NULL,
            PRIMARY KEY (acs_room_id, room_id)
        ) WITHOUT ROWID""",
        "CREATE INDEX acs_rooms_by_room ON acs_rooms (room_id)",
        "INSERT INTO acs_rooms SELECT acs_room_id, room_id FROM rooms",
        "DROP INDEX rooms_by_acs_room",
    ),
    (  # 9: due deliveries by subscription
        "CREATE INDEX deliveries_due ON deliveries (subscription_id, due_ms, delivery_id) WHERE state = 'pending'",
        "DROP INDEX deliveries_by_time",
    ),
)

OF_A_ROOM = ("lines", "passages", "open_passages", "glossaries", "answers", "subscriptions", "deliveries", "acs_rooms")
"""Tables whose rows belong to a room and are deleted with it."""
