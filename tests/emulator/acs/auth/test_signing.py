from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from emulator.acs.auth.signing import check_signature, content_hash, decode_key, signature
from emulator.acs.wire.errors import AcsError

# A vector made by the Python SDK's own policy with a frozen clock.
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
BODY = b'{"callLocator": {"roomId": "99117812428622880", "kind": "roomCallLocator"}, "callbackUri": "https://cb.example/x"}'
TARGET = "/calling/callConnections:connect?api-version=2026-03-12"
HEADERS = {
    "Host": "127.0.0.1:8080",
    "x-ms-date": "Fri, 20 Nov 2026 08:00:00 GMT",
    "x-ms-content-sha256": "Bt2q2bSjZvLIHXBDZcsSJGzGZBnxbV0y4n9aLxMfWJI=",
    "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
    "&Signature=6GOFNSzcFLqIdcmHP2xxiBsdz4RvtFnbzrDTK1TgYuU=",
}
NOW = datetime(2026, 11, 20, 8, 0, 30, tzinfo=UTC)


def check(
    *, target: str = TARGET, body: bytes = BODY, now: datetime = NOW, strict: bool = True, **changes: str
) -> None:
    headers = HEADERS | {name.replace("_", "-"): value for name, value in changes.items()}
    check_signature(decode_key(KEY), "POST", target, headers, body, now=now, skew_s=900, strict=strict)


def test_the_vector_of_the_sdk_passes() -> None:
    assert content_hash(BODY) == HEADERS["x-ms-content-sha256"]
    check()


@pytest.mark.parametrize(
    "changes",
    [
        {"target": TARGET + "&x=1"},
        {"body": BODY + b" "},
        {"now": NOW + timedelta(minutes=16)},
        {"now": NOW - timedelta(minutes=16)},
        {"Host": "127.0.0.1:8081"},
        {"Authorization": "HMAC-SHA256 Signature=x"},
        {"Authorization": ""},
        {"x_ms_date": "yesterday"},
    ],
)
def test_anything_altered_fails(changes: dict[str, object]) -> None:
    with pytest.raises(AcsError) as refused:
        check(**changes)  # type: ignore[arg-type] # the table mixes the keyword arguments
    assert (refused.value.status, refused.value.code) == (401, "7509")


def signed(target: str) -> str:
    made = signature(
        decode_key(KEY), "POST", target, HEADERS["x-ms-date"], HEADERS["Host"], HEADERS["x-ms-content-sha256"]
    )
    return f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={made}"


@pytest.mark.parametrize("sent", ["/identities/8:acs:x_y?a=b%20c", "/identities/8%3Aacs%3Ax_y?a=b%20c"])
@pytest.mark.parametrize("spelt", ["/identities/8:acs:x_y?a=b%20c", "/identities/8%3Aacs%3Ax_y?a=b%20c"])
def test_only_strictness_minds_the_spelling(sent: str, spelt: str) -> None:
    check(target=sent, Authorization=signed(spelt), strict=False)
    if sent == spelt:
        check(target=sent, Authorization=signed(spelt))
        return
    with pytest.raises(AcsError):
        check(target=sent, Authorization=signed(spelt))


@pytest.mark.parametrize("key", ["", "not base64!", "abc"])
def test_a_key_that_is_no_base64_is_refused(key: str) -> None:
    with pytest.raises(ValueError):
        decode_key(key)
