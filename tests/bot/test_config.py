from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.config import ACS_ISSUER, Settings, load_settings
from bot.errors import SettingsError
from tests.support.settings import CONNECTION_STRING, REQUIRED

SECRETS = (
    "the-password",
    "c2VjcmV0LWFjY2Vzcy1rZXk=",
    "the-key-of-the-model",
    "the-secret-of-event-grid",
    "the-key-of-ops",
)
BOTH = "AZURE_COMMUNICATION_CONNECTION_STRING, AZURE_COMMUNICATION_ENDPOINT: set one, not both"
NO_PROOF_OF_EVENT_GRID = "EVENT_GRID_SECRET or EVENT_GRID_TOKEN_ISSUER, …_AUDIENCE, …_JWKS_URL: neither is set"
NO_PROOF_OF_ADMINS = "ADMIN_API_KEYS, ADMIN_API_KEYS_FILE or ADMIN_TOKEN_ISSUER, …_AUDIENCE, …_JWKS_URL: neither is set"
NEITHER = "AZURE_COMMUNICATION_CONNECTION_STRING or AZURE_COMMUNICATION_ENDPOINT: neither is set"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An environment without any of ours, in a folder without `.env`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """One with everything that is needed."""
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def problems() -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    error = caught.value
    for secret in SECRETS:
        assert secret not in str(error) + repr(error)
    assert error.__cause__ is error.__context__ is None, "pydantic's own error quotes what it was given"
    assert error.message.startswith(f"{len(error.problems)} problem(s):\n  - ")
    return list(error.problems)


def test_what_is_needed_is_enough(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert settings.azure_communication_connection_string is not None
    assert settings.azure_communication_connection_string.get_secret_value() == CONNECTION_STRING
    assert settings.azure_communication_endpoint is None
    assert settings.azure_ai_endpoint == "https://contoso.openai.azure.com"
    assert settings.azure_ai_key is None
    assert settings.public_base_url == "https://interpreter.contoso.com"
    assert settings.media_base_url == "wss://interpreter.contoso.com"
    assert settings.acs_token_issuer == ACS_ISSUER
    assert settings.acs_token_jwks_url == f"{ACS_ISSUER}/calling/keys"
    assert {name: key.get_secret_value() for name, key in settings.admin_api_keys.items()} == {"ops": "the-key-of-ops"}
    assert (settings.host, settings.port, settings.max_calls, settings.drain_s) == ("127.0.0.1", 8080, 100, 20.0)
    assert settings.log_level == "INFO"
    assert (settings.database_path, settings.retention_days) == ("data/interpreter.sqlite3", 30)
    assert (settings.ticket_secret, settings.model_prices) == (None, None)
    assert (settings.admin_reads_per_s, settings.admin_changes_per_s) == (500.0, 50.0)


def test_a_file_serves_where_the_environment_does_not(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9000\nMAX_CALLS=5\nAZURE_AI_KEY=\nOTHERS_SETTING=1\n")
    environment.setenv("MAX_CALLS", "6")
    settings = load_settings()
    assert (settings.port, settings.max_calls, settings.azure_ai_key) == (9000, 6, None)


def test_with_nothing_set_everything_that_is_needed_is_named() -> None:
    assert problems() == [
        "AZURE_AI_ENDPOINT: is not set",
        "AZURE_AI_REALTIME_DEPLOYMENT: is not set",
        "PUBLIC_BASE_URL: is not set",
        "ACS_TOKEN_AUDIENCE: is not set",
        NEITHER,
        NO_PROOF_OF_EVENT_GRID,
        NO_PROOF_OF_ADMINS,
    ]


def test_everything_that_is_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "AZURE_COMMUNICATION_CONNECTION_STRING": "accesskey=c2VjcmV0LWFjY2Vzcy1rZXk=",
        "AZURE_COMMUNICATION_ENDPOINT": "contoso.communication.azure.com",
        "AZURE_AI_ENDPOINT": "http://contoso.openai.azure.com",
        "PUBLIC_BASE_URL": "https://interpreter.contoso.com/?x=1",
        "EVENT_GRID_SECRET": "short",
        "ADMIN_API_KEYS": "the-key-of-ops",
        "PORT": "0",
        "MAX_CALLS": "many",
        "DRAIN_S": "-1",
        "LOG_LEVEL": "LOUD",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    named = problems()
    assert named == [
        "AZURE_COMMUNICATION_CONNECTION_STRING: the connection string has no endpoint",
        "AZURE_COMMUNICATION_ENDPOINT: must be an http(s) URL",
        "AZURE_AI_ENDPOINT: must be https (http is for loopback only)",
        "AZURE_AI_REALTIME_DEPLOYMENT: is not set",
        "PUBLIC_BASE_URL: must have no query, fragment or user name",
        "ACS_TOKEN_AUDIENCE: is not set",
        "EVENT_GRID_SECRET: is shorter than 8 characters",
        "ADMIN_API_KEYS: must be name:key,name:key",
        "PORT: Input should be greater than or equal to 1",
        "MAX_CALLS: Input should be a valid integer, unable to parse string as an integer",
        "DRAIN_S: Input should be greater than or equal to 0",
        "LOG_LEVEL: String should match pattern '^(DEBUG|INFO|WARNING|ERROR)$'",
        BOTH,
    ]


def test_what_is_empty_is_not_set(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AZURE_COMMUNICATION_CONNECTION_STRING", "")
    environment.setenv("AZURE_AI_REALTIME_DEPLOYMENT", "")
    environment.setenv("EVENT_GRID_SECRET", "")
    assert problems() == ["AZURE_AI_REALTIME_DEPLOYMENT: is not set", NEITHER, NO_PROOF_OF_EVENT_GRID]


def test_the_resource_is_named_in_one_way(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AZURE_COMMUNICATION_ENDPOINT", "https://contoso.communication.azure.com/")
    assert problems() == [BOTH]
    environment.delenv("AZURE_COMMUNICATION_CONNECTION_STRING")
    assert load_settings().azure_communication_endpoint == "https://contoso.communication.azure.com"
    environment.delenv("AZURE_COMMUNICATION_ENDPOINT")
    assert problems() == [NEITHER]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("contoso", "a connection string has the form endpoint=https://…;accesskey=…"),
        ("endpoint=https://contoso.communication.azure.com", "the connection string has no accesskey"),
        ("endpoint=contoso;accesskey=c2VjcmV0LWFjY2Vzcy1rZXk=", "the ACS endpoint has the form https://name"),
        ("endpoint=https://contoso;accesskey=%", "the access key is not base64"),
    ],
)
def test_a_connection_string_has_a_shape(environment: pytest.MonkeyPatch, written: str, said: str) -> None:
    environment.setenv("AZURE_COMMUNICATION_CONNECTION_STRING", written)
    (problem,) = problems()
    assert problem.startswith(f"AZURE_COMMUNICATION_CONNECTION_STRING: {said}")


def test_the_resource_is_a_host_alone(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("AZURE_COMMUNICATION_CONNECTION_STRING")
    environment.setenv("AZURE_COMMUNICATION_ENDPOINT", "https://contoso.communication.azure.com/calling")
    assert problems() == ["AZURE_COMMUNICATION_ENDPOINT: the ACS endpoint must have no path, query or user name"]


@pytest.mark.parametrize(
    ("written", "read", "media"),
    [
        ("https://interpreter.contoso.com", "https://interpreter.contoso.com", "wss://interpreter.contoso.com"),
        ("HTTPS://interpreter.contoso.com:8443/", "https://interpreter.contoso.com:8443", "wss://interpreter.contoso.com:8443"),
        ("http://localhost:8080", "http://localhost:8080", "ws://localhost:8080"),
        ("http://127.0.0.2:8080/bot/", "http://127.0.0.2:8080/bot", "ws://127.0.0.2:8080/bot"),
        ("http://[::1]:8080", "http://[::1]:8080", "ws://[::1]:8080"),
    ],
)  # fmt: skip
def test_urls_are_read(environment: pytest.MonkeyPatch, written: str, read: str, media: str) -> None:
    environment.setenv("PUBLIC_BASE_URL", written)
    settings = load_settings()
    assert (settings.public_base_url, settings.media_base_url) == (read, media)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("interpreter.contoso.com", "must be an http(s) URL"),
        ("wss://interpreter.contoso.com", "must be an http(s) URL"),
        ("https://", "must be an http(s) URL"),
        ("https://[::1", "must be an http(s) URL"),
        ("https://interpreter.contoso.com:99999", "must be an http(s) URL"),
        ("https://interpreter.contoso.com:0", "must be an http(s) URL"),
        ("https://interpreter.contoso.com#top", "must have no query, fragment or user name"),
        ("https://:the-key-of-ops@interpreter.contoso.com", "must have no query, fragment or user name"),
        ("http://interpreter.contoso.com", "must be https (http is for loopback only)"),
        ("http://10.0.0.1", "must be https (http is for loopback only)"),
    ],
)
def test_what_is_no_url_of_ours_is_refused(environment: pytest.MonkeyPatch, written: str, problem: str) -> None:
    environment.setenv("PUBLIC_BASE_URL", written)
    assert problems() == [f"PUBLIC_BASE_URL: {problem}"]


def test_several_admins_have_keys(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ADMIN_API_KEYS", " ops:the-key-of-ops, ci:with:colons:in:it ,")
    keys = {name: key.get_secret_value() for name, key in load_settings().admin_api_keys.items()}
    assert keys == {"ops": "the-key-of-ops", "ci": "with:colons:in:it"}


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("ops", "must be name:key,name:key"),
        (":the-key-of-ops", "must be name:key,name:key"),
        ("ops:short", "the key of ops is shorter than 8 characters"),
        ("ops:the-key-of-ops,ops:the-key-of-ops", "the name ops is used twice"),
        (" , ", "contains no key"),
    ],
)
def test_keys_nobody_could_use_are_refused(environment: pytest.MonkeyPatch, written: str, problem: str) -> None:
    environment.setenv("ADMIN_API_KEYS", written)
    assert problems() == [f"ADMIN_API_KEYS: {problem}"]


def test_secrets_are_never_shown(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AZURE_AI_KEY", "the-key-of-the-model")
    settings = load_settings()
    shown = repr(settings) + str(settings) + str(settings.model_dump()) + settings.model_dump_json()
    assert settings.azure_ai_key is not None
    assert settings.azure_ai_key.get_secret_value() == "the-key-of-the-model"
    for secret in SECRETS:
        assert secret not in shown


def test_settings_do_not_change(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


def test_a_caller_may_say_it_instead(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings(port=9000, admin_api_keys={"ops": "the-key-of-ops"})
    assert settings.port == 9000
    with pytest.raises(SettingsError) as caught:
        load_settings(azure_communication_endpoint="https://contoso.communication.azure.com", port="no")
    assert caught.value.problems[-1] == BOTH


def test_prices_are_a_table(environment: pytest.MonkeyPatch) -> None:
    environment.setenv(
        "MODEL_PRICES", '{"currency": "USD", "per_million_tokens": {"input_audio": 32, "output_audio": 64.5}}'
    )
    prices = load_settings().model_prices
    assert prices is not None
    assert (prices.currency, dict(prices.per_million_tokens)) == ("USD", {"input_audio": 32.0, "output_audio": 64.5})


@pytest.mark.parametrize(
    "written",
    [
        '{"currency": "dollars", "per_million_tokens": {}}',
        '{"currency": "USD", "per_million_tokens": {"audio": 32}}',
        '{"currency": "USD", "per_million_tokens": {"input_audio": -1}}',
        '{"currency": "USD", "per_million_tokens": {"input_audio": 1e999}}',
        '{"currency": "USD"}',
        "{",
        "[]",
    ],
)
def test_a_table_of_prices_that_makes_no_sense(environment: pytest.MonkeyPatch, written: str) -> None:
    environment.setenv("MODEL_PRICES", written)
    assert all(problem.startswith("MODEL_PRICES: ") for problem in problems())


def test_a_key_may_be_a_digest(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ADMIN_API_KEYS", f"ops:sha256${'ab' * 32}")
    assert load_settings().admin_api_keys["ops"].get_secret_value() == f"sha256${'ab' * 32}"
    environment.setenv("ADMIN_API_KEYS", "ops:sha256$abcdef")
    assert problems() == ["ADMIN_API_KEYS: the key of ops begins with sha256$ but is not a SHA-256 digest"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETENTION_DAYS", "0"),
        ("ADMIN_READS_PER_S", "0"),
        ("ADMIN_CHANGES_PER_S", "-1"),
        ("TICKET_SECRET", "short"),
    ],
)
def test_settings_of_the_admin_side_are_judged(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    assert [problem.split(":")[0] for problem in problems()] == [name]


ENTRA = {
    "ADMIN_TOKEN_ISSUER": "https://login.microsoftonline.com/tenant/v2.0",
    "ADMIN_TOKEN_AUDIENCE": "api://interpreter",
    "ADMIN_TOKEN_JWKS_URL": "https://login.microsoftonline.com/tenant/discovery/v2.0/keys",
}


@pytest.mark.parametrize("name", ["ADMIN_READS_PER_S", "ADMIN_CHANGES_PER_S", "DRAIN_S"])
@pytest.mark.parametrize("value", ["inf", "nan", "1e999", "-inf"])
def test_a_number_is_finite(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    assert [problem.partition(":")[0] for problem in problems()] == [name]


def test_admins_prove_who_they_are_in_one_way_at_least(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("ADMIN_API_KEYS")
    assert problems() == [NO_PROOF_OF_ADMINS]
    for name, value in ENTRA.items():
        environment.setenv(name, value)
    assert load_settings().admin_token_audience == "api://interpreter"
    environment.delenv("ADMIN_TOKEN_AUDIENCE")
    assert problems() == ["ADMIN_TOKEN_ISSUER, ADMIN_TOKEN_AUDIENCE, ADMIN_TOKEN_JWKS_URL: set all or none"]


def test_event_grid_proves_who_it_is_in_one_way_at_least(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("EVENT_GRID_SECRET")
    assert problems() == [NO_PROOF_OF_EVENT_GRID]
    for name, value in ENTRA.items():
        environment.setenv(name.replace("ADMIN", "EVENT_GRID"), value)
    settings = load_settings()
    assert (settings.event_grid_secret, settings.event_grid_token_audience) == (None, "api://interpreter")
    environment.delenv("EVENT_GRID_TOKEN_JWKS_URL")
    partly = "EVENT_GRID_TOKEN_ISSUER, EVENT_GRID_TOKEN_AUDIENCE, EVENT_GRID_TOKEN_JWKS_URL: set all or none"
    assert problems() == [partly]
    environment.setenv("EVENT_GRID_SECRET", "the-secret-of-event-grid")
    assert problems() == [partly]


def test_a_file_of_keys_is_read_before_the_service_starts(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.delenv("ADMIN_API_KEYS")
    file = tmp_path / "keys"
    environment.setenv("ADMIN_API_KEYS_FILE", str(file))
    assert problems() == ["ADMIN_API_KEYS_FILE: cannot be found"]
    file.write_text("# keys\nops the-key-of-ops\n")
    assert problems() == ["ADMIN_API_KEYS_FILE: line 2 is not name:key"]
    file.write_text("ops:the-key-of-ops\n")
    assert load_settings().admin_api_keys_file == file


@pytest.mark.parametrize("text", ["10.0.0.0/8, 127.0.0.1", "::1", "100.64.0.0/10"])
def test_proxies_are_addresses_or_networks(environment: pytest.MonkeyPatch, text: str) -> None:
    environment.setenv("TRUSTED_PROXIES", text)
    assert load_settings().trusted_proxies == text


@pytest.mark.parametrize("name", ["TRUSTED_PROXIES", "WEBHOOK_PRIVATE_NETWORKS"])
@pytest.mark.parametrize("text", ["*", "everybody", "10.0.0.1/8", ","])
def test_nobody_is_trusted_blindly(environment: pytest.MonkeyPatch, name: str, text: str) -> None:
    environment.setenv(name, text)
    wanted = "must be addresses or networks, such as 10.0.0.0/8, separated by commas"
    assert problems() == [f"{name}: {wanted}"]


def test_no_network_of_ours_is_open_to_webhooks_unless_it_is_named(environment: pytest.MonkeyPatch) -> None:
    assert load_settings().webhook_networks == []
    environment.setenv("WEBHOOK_PRIVATE_NETWORKS", "10.2.0.0/16, ::1")
    assert [str(network) for network in load_settings().webhook_networks] == ["10.2.0.0/16", "::1/128"]


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379",
        "redis://localhost",
        "redis://redis:6379/1",
        "redis://:the-password@10.1.2.3",
        "redis://[::1]:6379",
        "redis://cache.interpreter.svc",
        "rediss://user:the-password@contoso.redis.azure.net:10000/0",
        "rediss://0000-object-id@contoso.redis.azure.net:10000/0",
        "rediss://contoso.redis.azure.net/",
    ],
)
def test_where_redis_may_be(environment: pytest.MonkeyPatch, url: str) -> None:
    assert load_settings().redis_url is None
    environment.setenv("REDIS_URL", url)
    environment.setenv("TICKET_SECRET", "a-secret-of-tickets")
    settings = load_settings()
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == url
    assert "the-password" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://:the-password@contoso.redis.azure.net", "must be rediss:// (redis:// is for private networks only)"),
        ("redis://:the-password@8.8.8.8:6379", "must be rediss:// (redis:// is for private networks only)"),
        ("rediss://:the-password@host/x", "must have nothing after the host but the number of a database"),
        ("rediss://:the-password@host/0?ssl=no", "must have nothing after the host but the number of a database"),
        *(
            (url, "must be rediss://[user[:password]@]host[:port][/number], or redis:// in a private network")
            for url in ("https://:the-password@host", "the-password", "rediss://", "rediss://:the-password@host:port")
        ),
    ],
)
def test_where_redis_may_not_be(environment: pytest.MonkeyPatch, url: str, reason: str) -> None:
    environment.setenv("REDIS_URL", url)
    environment.setenv("TICKET_SECRET", "a-secret-of-tickets")
    assert problems() == [f"REDIS_URL: {reason}"]


def test_replicas_share_the_secret_of_their_tickets(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("REDIS_URL", "redis://redis")
    assert [problem.partition(":")[0] for problem in problems()] == ["TICKET_SECRET"]


def test_settings_named_in_the_admins_page_exist() -> None:
    page = (Path(__file__).parents[2] / "docs" / "admin-api.md").read_text()
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", page))
    assert {"ADMIN_API_KEYS", "RETENTION_DAYS", "MODEL_PRICES"} <= named
    assert named <= {name.upper() for name in Settings.model_fields}


def test_targets_of_the_translation_deployment_are_a_list(environment: pytest.MonkeyPatch) -> None:
    assert "es" in load_settings().azure_ai_translate_languages
    environment.setenv("AZURE_AI_TRANSLATE_LANGUAGES", "es, FR")
    assert load_settings().azure_ai_translate_languages == ("es", "fr")


@pytest.mark.parametrize("given", ["es;fr", "es-ES", ","])
def test_targets_are_bare_codes(environment: pytest.MonkeyPatch, given: str) -> None:
    environment.setenv("AZURE_AI_TRANSLATE_LANGUAGES", given)
    (problem,) = problems()
    assert problem.startswith("AZURE_AI_TRANSLATE_LANGUAGES: must be language codes")
