"""Connection strings as they are handed out and as they are mistyped."""

from __future__ import annotations

import pytest

from rooms_admin.rooms.connection_string import AcsAddress, acs_endpoint, parse_connection_string


@pytest.mark.parametrize(
    "text",
    [
        "endpoint=http://127.0.0.1:9100;accesskey=c2VjcmV0PT0=",
        "endpoint=http://127.0.0.1:9100/;accesskey=c2VjcmV0PT0=",
        " AccessKey = c2VjcmV0PT0= ; Endpoint = http://127.0.0.1:9100/ ; ",
    ],
)
def test_the_scheme_is_kept_and_the_slash_is_not(text: str) -> None:
    assert parse_connection_string(text) == AcsAddress("http://127.0.0.1:9100", "c2VjcmV0PT0=")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no endpoint"),
        ("endpoint=https://a.example", "has no accesskey"),
        ("endpoint=;accesskey=c2VjcmV0", "has no endpoint"),
        ("endpoint=https://a.example;accesskey=not base64!", "not base64"),
        ("endpoint=https://a.example;accesskey=c2VjcmV0;endpoint=https://b.example", "endpoint twice"),
        ("https://a.example", "has the form"),
        ("endpoint=https://a.example;sharedaccesskey=c2VjcmV0", "has the form"),
        ("endpoint=a.example;accesskey=c2VjcmV0", "has the form https://"),
        ("endpoint=ftp://a.example;accesskey=c2VjcmV0", "has the form https://"),
        ("endpoint=https://;accesskey=c2VjcmV0", "has the form https://"),
        ("endpoint=https://a.example:port;accesskey=c2VjcmV0", "not a URL"),
        ("endpoint=https://a.example:0;accesskey=c2VjcmV0", "has the form https://"),
        ("endpoint=https://[::1;accesskey=c2VjcmV0", "not a URL"),
        ("endpoint=https://a.example/path;accesskey=c2VjcmV0", "no path, query or user name"),
        ("endpoint=https://user@a.example;accesskey=c2VjcmV0", "no path, query or user name"),
        ("endpoint=https://a.example?x=1;accesskey=c2VjcmV0", "no path, query or user name"),
    ],
)
def test_what_is_wrong_is_said_without_the_key(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_connection_string(text)
    assert "c2VjcmV0" not in str(caught.value)
    assert "not base64!" not in str(caught.value)


def test_an_endpoint_alone() -> None:
    assert acs_endpoint("https://name.communication.azure.com/") == "https://name.communication.azure.com"
