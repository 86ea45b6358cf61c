"""Compares the documents with the code: tables, numbers, commands, files, ways through the code, settings, links."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from bot import rate_limits
from bot.__main__ import main as service_command
from bot.__main__ import parser as service_parser
from bot.calls import dispatcher, media_recovery, periodic_checks, service
from bot.calls.replicas import mailbox, registry
from bot.config import Settings, load_settings
from bot.errors import SettingsError
from bot.interpreting import booth_events, rendition
from bot.interpreting.playout import catch_up, channels, lateness, pacer
from bot.interpreting.quality import backchannels
from bot.live_room import floor_mixing, mixing
from bot.realtime import conversation_turns
from bot.realtime.timeouts import BoothLimits
from emulator.__main__ import main as emulator_command
from emulator.config import parse_switches
from emulator.faults import FaultDocument, FaultPlan, RealtimePart
from emulator.realtime.faults.rules import RealtimeFaults
from http_serving import http_protocol
from http_serving.bearer_tokens import EVENT_GRID_APP, EVENT_GRID_ROLE
from http_serving.request_body import BODY_TIMEOUT_S
from http_serving.server import LARGEST_MESSAGE, PING_S
from http_serving.websocket_protocol import SMALL, SMALL_PER_S
from listeners import audio_channels, feed, readers, rooms
from listeners.relay import relay, streams
from listeners.sockets import connection, door, signaling
from listeners.sockets.closing import STATUS, CloseCode
from media_streaming import stream
from media_streaming.stream import SERVICE_RESTART
from rooms_admin.api import join_codes, request_guard
from rooms_admin.auth import join_attempts
from rooms_admin.auth.api_key_file import CHECK_INTERVAL_S
from rooms_admin.auth.api_keys import EVERY_ROLE
from rooms_admin.integrations import webhook_delivery
from rooms_admin.rooms.requests import NewRoom
from rooms_admin.stores.redis import transcripts
from rooms_admin.transcripts import recorder
from storage import key_value, redis, redis_channels, sqlite
from tests.support.sources import ROOT, by_name, imported, module_name, sources
from webhooks import routes as webhook_routes

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "emulator/*.md", "demo/*.md", "benchmarks/*.md", "infra/**/*.md")
    for path in ROOT.glob(pattern)
)
EMULATOR_PAGE = ROOT / "docs" / "emulator.md"

# Words in capitals that are no settings of the service.
NO_SETTINGS = {
    "SSL_CERT_FILE",
    "SPEAK",
    "EMULATOR_MODELS",
    "SPEECH_RECORDINGS",
    "LONGEST_FIRST",
    "PYTHON",
    "FILE",
    "DELETE",
    "POST",
    "PATCH",
    "SIGTERM",
    "SIGINT",
    "SIGHUP",
    "BICEP_TYPES",
}


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return script("emulator_docs")


def test_the_lifecycle_page_is_up_to_date() -> None:
    """If this fails, run `python scripts/lifecycle_docs.py`."""
    lifecycle = script("lifecycle_docs")
    text = lifecycle.PAGE.read_text()
    assert text == lifecycle.rendered(text)
    assert set(re.findall(r"<!-- generated: (\w+) -->", text)) == set(lifecycle.PARTS)


def test_the_telemetry_page_is_up_to_date() -> None:
    """If this fails, run `python scripts/telemetry_docs.py`."""
    telemetry = script("telemetry_docs")
    text = telemetry.PAGE.read_text()
    assert text == telemetry.rendered(text)
    assert set(re.findall(r"<!-- generated: ([\w-]+) -->", text)) == set(telemetry.PARTS)


def test_settings_prices_and_the_example_are_up_to_date() -> None:
    """If this fails, run `python scripts/settings_docs.py`."""
    settings = script("settings_docs")
    for page in settings.PAGES:
        assert page.read_text() == settings.rendered(page.read_text()), page.name
    assert settings.EXAMPLE.read_text() == settings.example()


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_of_the_service_are_accepted(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a page shows what `cost` writes, it writes just that. The others have tests of their own."""
    text = page.read_text()
    for line in re.findall(r"python -m bot ((?:[a-z]+)(?: [\w.-]+)*)", text):
        service_parser().parse_args(line.split())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODEL_PRICES", raising=False)
    for line, shown in re.findall(r"^\$ python -m bot (cost [^\n]*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        assert service_command(line.split()) == 0
        assert capsys.readouterr().out == shown


def test_the_example_of_settings_can_be_read() -> None:
    """Its comments are the defaults, which are accepted; nothing is missing but what has to be filled in."""
    example = re.sub(r"^# ([A-Z_]+=)", r"\1", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    given = dict(line.split("=", 1) for line in example.splitlines() if re.match(r"[A-Z_]+=", line))
    assert list(given) == [name.upper() for name in Settings.model_fields]
    with pytest.raises(SettingsError) as refused:
        load_settings(_env_file=None, **{name.lower(): value for name, value in given.items() if value})
    assert all("set" in problem for problem in refused.value.problems), refused.value.problems


def test_generated_tables_are_up_to_date(generator: ModuleType) -> None:
    """If this fails, run `python scripts/emulator_docs.py`."""
    for page in generator.PAGES:
        assert page.read_text() == generator.rendered(page.read_text()), page.name


def test_the_generator_replaces_old_tables(generator: ModuleType) -> None:
    old = "before\n<!-- generated: switches -->\nold\n<!-- end -->\nafter\n"
    new = generator.rendered(old)
    assert new != old
    assert "| `page_size` | **100** |" in new
    assert generator.rendered(new) == new


def test_journal_kinds_that_are_named_exist(generator: ModuleType) -> None:
    kinds = set(re.findall(r"^\| `([a-z_.]+)` \|", generator.journal(), re.MULTILINE))
    families = {kind.partition(".")[0] for kind in kinds}
    text = re.sub(r"<!-- generated.*?<!-- end -->", "", EMULATOR_PAGE.read_text(), flags=re.DOTALL)
    named = {
        word
        for word in re.findall(r"`(?:kind=)?([a-z]+\.[a-z_]+)`", text)
        if word.partition(".")[0] in families and not word.endswith(".py")
    }
    assert named
    assert named <= kinds


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_switches_on_command_lines_are_accepted(page: Path) -> None:
    words = re.findall(r"--switch ([a-z_]+=\w+)", page.read_text())
    parse_switches(word for word in words if word != "name=value")


def test_fault_documents_are_accepted() -> None:
    """The emulator accepts each fault document of its page; every other JSON document there can be parsed."""
    plan = FaultPlan()
    plan.attach(RealtimePart(lambda part: [RealtimeFaults.from_dict(part)].clear, dict))
    documents = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", EMULATOR_PAGE.read_text(), re.DOTALL)]
    members = {field.name for field in msgspec.structs.fields(FaultDocument)}
    faults = [document for document in documents if set(document) <= members]
    assert faults
    for document in faults:
        plan.replace(document)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text()
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) <= targets
    for name in re.findall(r"python -m ([a-z_][\w.]*)", text):
        runnable = importlib.util.find_spec(name)
        assert runnable is not None, name
        if runnable.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{name}.__main__") is not None, name


def test_options_on_command_lines_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["join"]):
        with pytest.raises(SystemExit):
            emulator_command([*command, "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", EMULATOR_PAGE.read_text()))
    assert named
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_settings_that_are_named_exist(page: Path) -> None:
    settings = {name.upper() for name in Settings.model_fields}
    settings |= set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "infra/bicep/main.parameters.json").read_text()))
    named = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`", page.read_text()))
    assert named - settings - NO_SETTINGS == set()


def test_the_limits_on_the_security_page_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    rows = dict(re.findall(r"^\| (`[^|]+`) \| [^|]+ \| (.+) \|$", page, re.MULTILINE))
    kib = 1024
    assert rows == {
        "`/api/…`": f"per caller `ADMIN_READS_PER_S`, `ADMIN_CHANGES_PER_S` | {request_guard.BODY_LIMIT // kib} KiB",
        "`POST /webhooks/eventgrid`": (
            f"{rate_limits.DELIVERIES_PER_S:g} per s | {webhook_routes.EVENT_GRID_BODY_LIMIT // kib} KiB"
        ),
        "`POST /webhooks/calls/{secret}`": (
            f"per call {rate_limits.CALLBACKS_PER_S:g} per s | {webhook_routes.CALLBACK_BODY_LIMIT // kib} KiB"
        ),
        "`WS /media/{secret}`": f"per call {rate_limits.DIALS_PER_S:g} per s | a message {LARGEST_MESSAGE // kib} KiB",
        "`POST /api/join/{code}`": (
            f"per network {rate_limits.JOIN_CODES_PER_S:g} per s, {rate_limits.JOIN_CODES_AT_ONCE:g} at once "
            f"| {join_codes.JOIN_BODY_LIMIT // kib} KiB"
        ),
        "`WS /ws/…`, `GET /api/rooms/{room_id}/captions`": (
            f"open at once per ticket {door.PER_TICKET}, per network {door.PER_NETWORK:,} "
            f"| a text message {connection.LARGEST_TEXT // kib} KiB"
        ),
        "`/healthz`, `/readyz`, `/load`, `/docs`, `/openapi.json`": "|",
        "`/metrics`": "answers at most once a second, otherwise again the same |",
    }
    text = " ".join(page.split())
    for sentence in (
        f"{rate_limits.UNPROVEN_PER_S:g} per second and network",
        f"{http_protocol.HEADER_TIMEOUT_S:g} s for its headers",
        f"{http_protocol.MOST_HEADERS} header lines of {http_protocol.LARGEST_HEADER // kib} KiB",
        f"a URL of {http_protocol.LONGEST_URL // kib} KiB",
        f"`MAX_CONNECTIONS` ({Settings.model_fields['max_connections'].default})",
        f"{join_attempts.FREE} at once and one every {join_attempts.LEAK_S / 60:g} min",
        f"{join_attempts.FREE_OVER_ALL} at once and one every {join_attempts.LEAK_OVER_ALL_S:g} s",
        f"`TRUSTED_PROXIES` (default `{Settings.model_fields['trusted_proxies'].default}`)",
        f"A body has {BODY_TIMEOUT_S:g} s",
        f"cut after {http_protocol.WRITE_TIMEOUT_S:g} s",
        f"answer pings within {2 * PING_S:g} s",
        f"More than {SMALL_PER_S} frames of less than {SMALL} bytes per second",
        f"checked every {CHECK_INTERVAL_S:g} s",
        EVENT_GRID_APP,
        EVENT_GRID_ROLE,
    ):
        assert sentence in text, sentence
    assert rate_limits.BURST_S == 10
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", page, re.MULTILINE)) == EVERY_ROLE


def test_the_times_on_the_operations_page_are_those_of_the_code() -> None:
    text = " ".join((ROOT / "docs" / "operations.md").read_text().split())
    longest = registry.LEASE_S + periodic_checks.REGISTRY_CHECK_S
    for sentence in (
        f"renews its lease every {registry.BEAT_S:g} s; after {registry.LEASE_S:g} s without",
        f"The others check every {periodic_checks.REGISTRY_CHECK_S:g} s",
        f"after the lease and a check, {longest:g} s at most",
        f"or with 503 after {mailbox.ANSWER_S:g} s",
        f"no replica is considered gone for {registry.LEASE_S:g} s",
        f"joins again, {media_recovery.PATIENCE_S[media_recovery.RecoveryStep.RESTART]:g} s later",
        f"closed with {SERVICE_RESTART} in a pause",
        f"each is pinged every {PING_S:g} s",
    ):
        assert sentence in text, sentence
    assert transcripts.FLUSH_S == 0.1, "the last tenth of a second"
    assert longest + media_recovery.PATIENCE_S[media_recovery.RecoveryStep.RESTART] / 2 < 10, (
        "heard again within ten seconds"
    )
    # A drain waits for a pause, then leaves; the server waits 5 s for its connections.
    assert service.LEAVE_TIMEOUT_S + 5 <= 20, "the page allows the process 20 s before it is killed"


def test_the_numbers_on_the_architecture_page_are_those_of_the_code() -> None:
    text = " ".join((ROOT / "docs" / "architecture.md").read_text().split())
    steps = ", ".join(f"{step / 1000:g}" for step in catch_up.STEPS_MS[1:])
    speeds = ", ".join(f"{1 + catch_up.SPEED_STEP * level:g}" for level in range(1, len(catch_up.STEPS_MS)))
    limits = BoothLimits()
    for sentence in (
        f"more than {rendition.STALE_S:g} s after the speaker's last word",
        f"held up for more than {rendition.STALE_S:g} s on its way",
        f"the speaker's last word ({booth_events.SIMULTANEOUS_STALE_S:g} s in",
        f"breaks off for {channels.DRY_S:g} s ({channels.DRY_SIMULTANEOUS_S:g} s in",
        f"has to wait {catch_up.STEPS_MS[0] / 1000:g} s | pauses over {pacer.PAUSE_LIMIT_MS} ms are left out",
        f"has to wait {steps} s | the next interpretation is requested at {speeds} of its speed",
        f"{catch_up.STEPS_MS[catch_up.CONDENSED_FROM - 1] / 1000:g} s | the next interpretation is requested in fewer",
        f"begin more than {lateness.LATE_S:g} s after the speaker's last word",
        f"falls no faster than every {catch_up.HOLD_S:g} s",
        f"Less than {backchannels.SHORT_MS} ms of voice",
        f"waits up to {booth_events.HEAR_OUT_S:g} s for its transcript",
        f"stays silent for {rendition.MODEL_PATIENCE_S:g} s after a turn",
        f"{conversation_turns.KEEP_S:g} s and {conversation_turns.KEPT_LIMIT} items at most",
        f"not yet acted on (`bot/calls/dispatcher.py`) | {dispatcher.INBOX_LIMIT:,} |",
        f"has not taken (`bot/realtime/speech_backlog.py`) | {limits.backlog_ms / 1000:g} s,",
        f"read by the model (`bot/realtime/connection.py`) | {limits.unread_s:g} s old",
        f"read aloud (`bot/realtime/booth.py`) | {limits.texts}, for {limits.text_wait_s:g} s",
        f"{lateness.LATE_S:g} s per channel ahead of the last that waits, {catch_up.VOICE_LIMIT_MS / 1000:g} s of one",
        f"(`bot/interpreting/playout/channels.py`) | {channels.FLOOR_HELD_MS} ms |",
        f"{6 * mixing.DUCKED_BITS} dB softer under an interpretation",
        f"late readers (`listeners/feed.py`) | {feed.REPLAYED_LINES}, and {rooms.PINNED_LINES} of",
        f"nobody uses them (`listeners/rooms.py`) | {rooms.KEPT_ROOMS}, for an hour",
        f"audio (`listeners/feed.py`) | {feed.AUDIO_LIMIT_MS / 1000:g} s |",
        f"to listeners (`listeners/audio_channels.py`) | {audio_channels.STALE_S:g} s old |",
        f"(`bot/live_room/floor_mixing.py`) | {floor_mixing.QUEUED * 20} ms |",
        f"captions | {feed.CAPTION_LIMIT} lines,",
        f"has missed {feed.CAPTIONS_LOST_LIMIT} is closed",
        f"(`listeners/readers.py`) | {readers.LINES_LIMIT} |",
        f"signals | {feed.SIGNAL_LIMIT} |",
        f"(`listeners/sockets/connection.py`) | {connection.OUTBOX_LIMIT} |",
        f"media socket (`media_streaming/stream.py`) | {stream.OUTBOUND_MS} ms |",
        f"(`rooms_admin/transcripts/recorder.py`) | {recorder.BUFFER_LIMIT:,} items",
        f"(`rooms_admin/integrations/webhook_delivery.py`) | {webhook_delivery.WAITING_LIMIT:,} |",
        f"(`storage/sqlite.py`) | {sqlite.MOST_WAITING:,} pieces",
        f"(`storage/redis.py`) | {redis.CONNECTIONS} connections, {redis.LONGEST_WAIT_S:g} s",
        f"(`storage/redis_channels.py`) | {redis_channels.OUTBOX_LIMIT:,} messages, {redis_channels.STALE_S:g} s old",
        f"(`listeners/relay/streams.py`) | {streams.LATE_US / 1e6:g} s later than",
        f"again every {relay.HERE_EVERY_S:g} s, and after {relay.SILENT_S:g} s of silence it is gone",
        f"(`storage/key_value.py`) | {key_value.QUEUE_LIMIT:,} per queue",
    ):
        assert sentence in text, sentence


def test_the_page_of_sockets_is_that_of_the_code() -> None:
    """Every kind of message, close code and refusal of the page is in the code, with the same numbers."""
    page = (ROOT / "docs" / "sockets.md").read_text()
    kinds = {
        kind
        for row in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (?:service|client) \|", page, re.MULTILINE)
        for kind in re.findall(r"`(\w+)`", row)
    } | set(re.findall(r'"event":"(\w+)"', page))
    code = "".join(path.read_text() for path in sources("listeners"))
    assert len(kinds) > 20
    assert {kind for kind in kinds if f'"{kind}"' not in code} == set()
    assert set(re.findall(r"^\| (\d{4}) \|", page, re.MULTILINE)) == {str(int(one)) for one in CloseCode}
    reasons = re.findall(r"^\| \d{4} \| `(\w+)`", page, re.MULTILINE)
    assert {reason for reason in reasons if not re.search(f'["`]{reason}["`]', code)} == set()
    refusals = re.findall(r"^\| (`[^|]+`) \| (\d{3}) \|", page, re.MULTILINE)
    assert {name: int(status) for names, status in refusals for name in re.findall(r"`(\w+)`", names)} == STATUS
    for code_of_error in re.findall(r"`(not_\w+|no_such_member|too_many|unknown_message)`", page):
        assert f'"{code_of_error}"' in code
    text = " ".join(page.split())
    for sentence in (
        "for four sockets at a time",
        f"every {connection.HEARTBEAT_MS // 1000} s: `sent_ms`",
        f"text messages of {connection.LARGEST_TEXT // 1024} KiB at most",
        f"{feed.REPLAYED_LINES} lines are kept",
        f"has missed {feed.CAPTIONS_LOST_LIMIT} lines is closed with {int(CloseCode.TOO_SLOW)}",
        f"({signaling.MESSAGES_PER_S:g} messages a second per member",
        f"1 to {signaling.LONGEST_NAME} characters",
        f"dead peers within {2 * PING_S:g} s",
    ):
        assert sentence in text, sentence
    assert (door.PER_TICKET, connection.ERRORS_LIMIT) == (4, 10), "these are written out"


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_files_and_folders_that_are_named_exist(page: Path) -> None:
    """Paths start at the root of the repository, or at the folder of the page."""
    for name in re.findall(r"`([\w./-]+\.(?:py|lua|sh|toml|yaml|mjs|js))`", page.read_text()):
        assert (ROOT / name).exists() or (page.parent / name).exists(), name
    for folder in re.findall(r"`((?:[a-z_]+/)+)`", page.read_text()):
        if (ROOT / folder.partition("/")[0]).is_dir() and not folder.startswith("out/"):
            assert (ROOT / folder).is_dir(), folder


def ways() -> dict[str, list[tuple[str, str]]]:
    """Return the ways through the code on the architecture page: arrows and files by heading."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    found: dict[str, list[tuple[str, str]]] = {}
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        heading = part.partition("\n")[0]
        found[heading] = re.findall(r"^\d+\. (?:([→←⇢]) )?`([\w/.]+)`: ", part, re.MULTILINE)
        assert len(found[heading]) == len(re.findall(r"^\d+\. ", part, re.MULTILINE)), heading
    return found


@pytest.mark.parametrize("heading", ways())
def test_ways_through_the_code_are_followed_by_imports(heading: str) -> None:
    composition = imported(ROOT / "bot" / "app.py") | imported(ROOT / "bot" / "resources.py")
    (first_arrow, above), *steps = ways()[heading]
    assert not first_arrow
    assert steps
    for arrow, file in steps:
        match arrow:
            case "→":
                assert module_name(ROOT / file) in imported(ROOT / above), f"{above} does not import {file}"
            case "←":
                assert module_name(ROOT / above) in imported(ROOT / file), f"{file} does not import {above}"
            case "⇢":
                handed = {module_name(ROOT / name) for name in (above, file)}
                assert handed <= composition, f"bot/app.py and bot/resources.py do not import {handed - composition}"
            case _:
                pytest.fail(f"no arrow leads to {file}")
        above = file


def test_names_in_the_guide_are_where_it_says() -> None:
    """Protocols and constants of `CONTRIBUTING.md` are where it says."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    places = re.findall(r"`(\w+)`\s+\(`([\w/]+\.py)`\)|`(\w+)` (?:of|in) `([\w/]+\.py)`", page)
    assert len(places) >= 6
    for name, file, other_name, other_file in places:
        assert re.search(
            rf"^(?:class )?{name or other_name}\b", (ROOT / (file or other_file)).read_text(), re.MULTILINE
        )


def test_bodies_of_requests_are_accepted() -> None:
    bodies = re.findall(r"-d '(.*?)'", (ROOT / "docs" / "admin-api.md").read_text(), re.DOTALL)
    assert bodies
    for body in bodies:
        NewRoom.model_validate_json(body)


def test_checks_before_a_commit_run_offline() -> None:
    """No hook comes from elsewhere, and each is a command of the virtual environment."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert set(re.findall(r"\brepo: (\S+)", hooks)) == {"local"}
    assert set(re.findall(r"\blanguage: (\S+)", hooks)) == {"system"}
    assert "additional_dependencies" not in hooks
    commands = re.findall(r"\bentry: (\S+)", hooks)
    assert len(commands) == len(re.findall(r"- id: ", hooks))
    for command in commands:
        folder, _, name = command.rpartition("/")
        assert folder == ".venv/bin"
        assert Path(sys.executable).with_name(name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page.read_text()):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        if anchor:
            assert anchor in set(anchors(found.read_text())), target


@pytest.mark.timeout(90)
@pytest.mark.line
def test_the_example_runs() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "emulator.pytest_plugin",
        "docs/examples/emulator_pytest.py",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=80)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def links(text: str) -> Iterator[str]:
    """Yield the targets of Markdown links, outside code."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    yield from re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text)


def anchors(text: str) -> Iterator[str]:
    """Yield the anchors of the headings of a page."""
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
