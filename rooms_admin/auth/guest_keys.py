"""Keys by which guests prove who they were when they come back: signatures, so that nothing has to be stored."""

from __future__ import annotations

import base64
import hashlib
import hmac


class GuestKeys:
    """Makes and checks guest keys with a secret, which all replicas share."""

    def __init__(self, secret: str) -> None:
        """Raises ValueError if the secret is empty."""
        if not secret:
            raise ValueError("the secret must not be empty")
        # A derived key: the same secret signs tickets too.
        self._key = hmac.digest(secret.encode(), b"guest key v1", hashlib.sha256)

    def key(self, room_id: str, participant_id: str) -> str:
        """Return the key of a guest of a room: 43 characters, base64url."""
        signature = hmac.digest(self._key, f"{room_id}/{participant_id}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(signature).decode().rstrip("=")

    def proves(self, room_id: str, participant_id: str, key: str) -> bool:
        """Return whether this is the guest's key. Takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(self.key(room_id, participant_id).encode(), key.encode())
