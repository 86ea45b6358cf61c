"""Settings: each environment variable, its default, its unit. Read once, in `__main__`; every problem is reported."""

from __future__ import annotations

import ipaddress
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import SettingsError
from bot.realtime.translation_messages import TARGETS
from rooms_admin.auth.api_key_file import KeyFileProblem, load
from rooms_admin.auth.api_keys import SHORTEST_KEY, digest_of
from rooms_admin.rooms.connection_string import acs_endpoint, parse_connection_string
from rooms_admin.transcripts.model_prices import ModelPrices, parsed_prices

ACS_ISSUER = "https://acscallautomation.communication.azure.com"
"""Issuer of the tokens on callbacks and media sockets (ACS protocol sheet, 3.5)."""
ACS_KEY_SET = f"{ACS_ISSUER}/calling/keys"

SHORTEST_SECRET = 8
"""Shortest accepted secret, in characters; anything shorter is a mistake."""


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _url(text: str) -> str:
    try:
        url = urlsplit(text)
        well_formed = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        well_formed = False
    if not well_formed:
        raise ValueError("must be an http(s) URL")
    if url.query or url.fragment or "@" in url.netloc:
        raise ValueError("must have no query, fragment or user name")
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise ValueError("must be https (http is for loopback only)")
    return url.geturl().rstrip("/")


PRIVATE_NAMES = ("local", "internal", "svc", "lan", "home", "localhost")
"""Last labels of host names that exist in private networks only; so do names without a dot."""


def _is_private(host: str) -> bool:
    """Say whether traffic to the host stays in a private network."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.rpartition(".")[2] in PRIVATE_NAMES


def _redis_url(text: SecretStr) -> SecretStr:
    try:
        url = urlsplit(text.get_secret_value())
        well_formed = url.scheme in ("redis", "rediss") and url.hostname and url.port != 0
    except ValueError:
        well_formed = False
    # Without `from`: the text of the cause may contain the password.
    if not well_formed or not url.hostname:
        raise ValueError("must be rediss://[user[:password]@]host[:port][/number], or redis:// in a private network")
    if url.query or url.fragment or not re.fullmatch(r"(/\d{0,4})?", url.path):
        raise ValueError("must have nothing after the host but the number of a database")
    if url.scheme == "redis" and not _is_private(url.hostname):
        raise ValueError("must be rediss:// (redis:// is for private networks only)")
    return text


def _connection_string(text: SecretStr) -> SecretStr:
    parse_connection_string(text.get_secret_value())
    return text


def _secret(text: SecretStr) -> SecretStr:
    if len(text) < SHORTEST_SECRET:
        raise ValueError(f"is shorter than {SHORTEST_SECRET} characters")
    return text


def _api_keys(text: object) -> object:
    if not isinstance(text, str):
        return text
    keys: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, key = part.partition(":")
        if not (name and colon):
            raise ValueError("must be name:key,name:key")
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"the key of {name} is shorter than {SHORTEST_KEY} characters")
        try:
            digest_of(key)
        except ValueError as error:
            raise ValueError(f"the key of {name} begins with sha256$ but is not a SHA-256 digest") from error
        if name in keys:
            raise ValueError(f"the name {name} is used twice")
        keys[name] = key
    if not keys:
        raise ValueError("contains no key")
    return keys


def _languages(text: object) -> object:
    if not isinstance(text, str):
        return text
    codes = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    wrong = [code for code in codes if not re.fullmatch("[a-z]{2,3}", code)]
    if wrong or not codes:
        raise ValueError(f"must be language codes, es,fr,…{': not ' + ', '.join(wrong) if wrong else ''}")
    return codes


def _key_file(path: Path) -> Path:
    """Check the file; the service reads it again whenever it changes."""
    try:
        load(path)
    except KeyFileProblem as problem:
        raise ValueError(str(problem)) from problem
    return path


def _networks(text: str) -> str:
    for one in text.split(","):
        try:
            ipaddress.ip_network(one.strip())
        except ValueError as error:
            raise ValueError("must be addresses or networks, such as 10.0.0.0/8, separated by commas") from error
    return text


Url = Annotated[str, AfterValidator(_url)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]


_SOURCES = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True)
"""A line `NAME=` without a value, as in templates, leaves the default."""


class Settings(BaseSettings):
    """The service's configuration. Each field is the environment variable of the same name."""

    model_config = SettingsConfigDict(**_SOURCES, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    azure_communication_connection_string: Annotated[SecretStr, AfterValidator(_connection_string)] | None = None
    """`endpoint=…;accesskey=…`."""
    azure_communication_endpoint: Annotated[Url, AfterValidator(acs_endpoint)] | None = None
    """Replaces the connection string; the managed identity is used."""

    azure_ai_endpoint: Url
    """Address of the Azure AI resource, `https://name.openai.azure.com`."""
    azure_ai_key: SecretStr | None = None
    """API key; without it the managed identity is used."""
    azure_ai_token_scope: str = "https://ai.azure.com/.default"
    """Scope of the managed identity's tokens; some resources require https://cognitiveservices.azure.com/.default."""
    azure_ai_realtime_deployment: str = Field(min_length=1)
    """Deployment that interprets consecutive rooms, and whatever the translate deployment does not."""
    azure_ai_translate_deployment: str | None = None
    """Deployment for simultaneous rooms; without it the realtime deployment interprets them in short segments."""
    azure_ai_translate_languages: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_languages)] = TARGETS
    """Target languages the translate deployment is used for, `es,fr,…`; by default the documented ones."""
    translate_despite_glossary: bool = True
    """False: speech for which the room's glossary has terms is interpreted by the realtime deployment, which keeps to
    them; the translate deployment cannot."""
    azure_ai_transcribe_deployment: str | None = None
    """Deployment that transcribes speakers; without it there are no captions of their own words."""
    azure_ai_voice: str = "marin"
    """Voice of the realtime deployment."""

    public_base_url: Url
    """URL at which ACS and Event Grid reach this service."""
    acs_web_client: bool = False
    """True: in an ACS room the page of the meeting joins the call with the ACS Calling SDK, if the bundle with it was
    built (`npm run build` in `listeners/acs_client`); otherwise people who come by browser are heard through sockets
    of this service."""

    acs_token_issuer: str = ACS_ISSUER
    """Issuer of the tokens with which ACS proves itself on callbacks and media sockets."""
    acs_token_audience: str = Field(min_length=1)
    """Immutable id of the ACS resource."""
    acs_token_jwks_url: Url = ACS_KEY_SET
    """Where the keys that sign these tokens are published."""

    event_grid_secret: Secret | None = None
    """Secret that Event Grid sends in `X-Webhook-Secret`."""
    event_grid_token_issuer: str | None = None
    """With audience and key set: accept Entra tokens from Event Grid, instead of the secret or besides it."""
    event_grid_token_audience: str | None = None
    event_grid_token_jwks_url: Url | None = None
    admin_api_keys: Annotated[dict[str, SecretStr], NoDecode, BeforeValidator(_api_keys)] = {}
    """`name:key,name:key`. A key may be given as `sha256$` and its hexadecimal digest, so that it stays secret."""
    admin_api_keys_file: Annotated[Path, AfterValidator(_key_file)] | None = None
    """File with such a key on each line, in addition to `ADMIN_API_KEYS`; read again when it changes and on SIGHUP."""
    admin_token_issuer: str | None = None
    """With audience and key set: accept Entra tokens from admins; their app roles determine their permissions."""
    admin_token_audience: str | None = None
    admin_token_jwks_url: Url | None = None

    ticket_secret: Secret | None = None
    """Signs listeners' tickets; the same for all replicas, required with `REDIS_URL`. A single process without it
    generates its own."""
    admin_reads_per_s: float = Field(default=500.0, gt=0)
    """Sustained read requests per second and caller; ten seconds' worth may come at once."""
    admin_changes_per_s: float = Field(default=50.0, gt=0)
    """The same for requests that change something."""
    model_prices: Annotated[ModelPrices | None, NoDecode, BeforeValidator(parsed_prices)] = None
    """JSON: `{"currency": "USD", "per_million_tokens": {"input_audio": 32.0}, "per_minute": {"translation": 0.034}}`.
    Kinds of tokens: input_text, input_audio, input_cached, output_text, output_audio, transcription_input_text,
    transcription_input_audio, transcription_output_text. Billed by the minute: translation (silence included), and
    transcription by some models. Without it usage has no costs. For forecasts (`python -m bot cost`) also, per minute,
    participant and media_stream of ACS, and `"per_gigabyte": {"egress": 0.087}`."""

    database_path: str = Field(default="data/interpreter.sqlite3", min_length=1)
    """SQLite file for rooms, transcripts and ledger, created with its folder; `:memory:` keeps nothing after a stop."""
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None
    """`rediss://user:password@host:port/0`: store in Redis instead, shared by several replicas. Plain `redis://` is for
    private networks only: private addresses, names without a dot or ending in `.internal` and the like. With a user and
    no password, the managed identity's tokens are the password; the user is its object id."""
    webhook_private_networks: Annotated[str, AfterValidator(_networks)] | None = None
    """Networks such as `10.2.0.0/16,127.0.0.1` in which receivers of webhooks may be; elsewhere, only public addresses.
    What a name resolves to is checked at each connection."""
    retention_days: int = Field(default=30, ge=1, le=3650)
    """Days that transcript and ledger are kept, and a room after its end; a room may have its own value."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` in a container."""
    port: int = Field(default=8080, ge=1, le=65_535)
    """Port to listen on."""
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = "127.0.0.1"
    """Addresses or networks of the ingress, whose `X-Forwarded-For` is trusted to name the caller's address."""
    max_connections: int = Field(default=5000, ge=10)
    """Connections open at once, media sockets included. One more replaces the oldest without proof of who
    it is; a quarter is kept for ACS and Event Grid. A lecture to 500 phones has 1,500; a listener takes about 40 kB."""
    max_calls: int = Field(default=100, ge=1)
    """Calls at once in this process; one more is refused with a reason, so that the others are not slowed down. 50
    calls need 40 % of a core (benchmarks/README.md)."""
    drain_s: float = Field(default=20.0, ge=0)
    """Seconds that running utterances may take to finish when the service stops."""
    metrics_token: Secret | None = None
    """Token for `GET /metrics`, sent as `Authorization: Bearer …`; without it everybody is answered."""
    otel_exporter_otlp_endpoint: Url | None = None
    """Collector that traces, metrics and log lines are sent to by OTLP over HTTP, such as `http://localhost:4318`."""
    otel_exporter_otlp_headers: SecretStr | None = None
    """Headers for it, `name=value,name=value`."""
    applicationinsights_connection_string: SecretStr | None = None
    """Application Insights resource that the same is sent to; of log lines, warnings only. With the managed identity,
    unless ACS is reached with a key."""
    region: str = ""
    """Region in which this replica runs, for traces and metrics that are sent."""
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """DEBUG, INFO, WARNING or ERROR."""

    @property
    def media_base_url(self) -> str:
        """`public_base_url` for WebSockets."""
        return "ws" + self.public_base_url.removeprefix("http")

    @property
    def webhook_networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """`webhook_private_networks`, parsed."""
        return [ipaddress.ip_network(one.strip()) for one in (self.webhook_private_networks or "").split(",") if one]


def settings_help() -> str:
    """Return one paragraph per setting: name, default, meaning."""
    lines = []
    for name, field in Settings.model_fields.items():
        default = "required" if field.is_required() else field.default
        shown = "" if default in (None, {}) or default is TARGETS else f" ({default})"
        lines.append(f"{name.upper()}{shown}")
        if field.description:
            lines.append(textwrap.fill(field.description, 100, initial_indent="    ", subsequent_indent="    "))
    return "\n".join(lines)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment and `.env`.

    Raises:
        SettingsError: names every problem by its environment variable.
    """
    problems: list[str] = []
    settings: Settings | None = None
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = str(problem["loc"][0]).upper() if problem["loc"] else "settings"
            text = "is not set" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
            problems.append(f"{name}: {text}")
    given = _Given(**{name: value for name, value in overrides.items() if name in _Given.model_fields})
    problems += _endpoint_problems(given) + _event_grid_problems(given) + _admin_problems(given)
    if given.redis_url and not given.ticket_secret:
        problems.append("TICKET_SECRET: must be set with REDIS_URL: a replica accepts tickets that another has issued")
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


class _GivenPrices(BaseSettings):
    """`MODEL_PRICES` alone."""

    model_config = SettingsConfigDict(**_SOURCES)

    model_prices: Annotated[ModelPrices | None, NoDecode, BeforeValidator(parsed_prices)] = None


def load_prices() -> ModelPrices | None:
    """Read `MODEL_PRICES`, whatever the other settings are.

    Raises:
        SettingsError: it makes no sense.
    """
    try:
        return _GivenPrices().model_prices
    except ValidationError as error:
        messages = (problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise SettingsError([f"MODEL_PRICES: {message}" for message in messages]) from error


class _Given(BaseSettings):
    """Settings of which one of several is required, read without validation to check that beside other problems."""

    model_config = SettingsConfigDict(**_SOURCES)

    azure_communication_connection_string: object = None
    azure_communication_endpoint: object = None
    event_grid_secret: object = None
    event_grid_token_issuer: object = None
    event_grid_token_audience: object = None
    event_grid_token_jwks_url: object = None
    admin_api_keys: object = None
    admin_api_keys_file: object = None
    admin_token_issuer: object = None
    admin_token_audience: object = None
    admin_token_jwks_url: object = None
    redis_url: object = None
    ticket_secret: object = None


def _endpoint_problems(given: _Given) -> list[str]:
    """Check that the ACS resource is named in exactly one way."""
    ways = (given.azure_communication_connection_string, given.azure_communication_endpoint)
    if all(ways):
        return ["AZURE_COMMUNICATION_CONNECTION_STRING, AZURE_COMMUNICATION_ENDPOINT: set one, not both"]
    if not any(ways):
        return ["AZURE_COMMUNICATION_CONNECTION_STRING or AZURE_COMMUNICATION_ENDPOINT: neither is set"]
    return []


def _event_grid_problems(given: _Given) -> list[str]:
    """Check that Event Grid can authenticate in at least one way."""
    entra = (given.event_grid_token_issuer, given.event_grid_token_audience, given.event_grid_token_jwks_url)
    return _authentication_problems("EVENT_GRID_TOKEN", entra, "EVENT_GRID_SECRET", given.event_grid_secret)


def _admin_problems(given: _Given) -> list[str]:
    """Check that admins can authenticate in at least one way. A key file may be empty at first."""
    entra = (given.admin_token_issuer, given.admin_token_audience, given.admin_token_jwks_url)
    keys = given.admin_api_keys or given.admin_api_keys_file
    return _authentication_problems("ADMIN_TOKEN", entra, "ADMIN_API_KEYS, ADMIN_API_KEYS_FILE", keys)


def _authentication_problems(tokens: str, entra: Sequence[object], others: str, other: object) -> list[str]:
    if any(entra) and not all(entra):
        return [f"{tokens}_ISSUER, {tokens}_AUDIENCE, {tokens}_JWKS_URL: set all or none"]
    if not other and not any(entra):
        return [f"{others} or {tokens}_ISSUER, …_AUDIENCE, …_JWKS_URL: neither is set"]
    return []
