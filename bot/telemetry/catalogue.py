"""The table of metrics: the only place that names them. `docs/telemetry.md` and the dashboards are checked against it.

No label names a room, a person or a call: `/metrics` gives away sums only, and the number of series stays small.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    COUNTER = "counter"
    """Grows from the start of the process."""
    GAUGE = "gauge"
    """As it is at this moment."""
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of the service."""

    name: str
    kind: MetricKind
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, in its unit."""


COUNTER, GAUGE, HISTOGRAM = MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.HISTOGRAM
DELAYS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
SHORT = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""As of `listeners.statistics.BOUNDS_S`, from which these histograms are read."""

# --- utterances, counted when they reach their final state ----------------------------------------

UTTERANCES = Metric(
    "interpreter_utterances_total",
    COUNTER,
    "utterances",
    "Utterances by lane that reached their final state in the ledger; `reason` says why it is not `spoken`.",
    ("kind", "state", "reason"),
)
EAR_VOICE_SPAN = Metric(
    "interpreter_ear_voice_span_seconds",
    HISTOGRAM,
    "seconds",
    "From the speaker's last word to the first frame of the interpretation.",
    buckets=DELAYS,
)
STAGES = Metric(
    "interpreter_stage_seconds",
    HISTOGRAM,
    "seconds",
    "How long each stage of an utterance took: `endpointing` (the pause that ends the turn), `commit` (from there to "
    "the request), `first_delta` (the model), `first_frame` (until it is heard), `last_frame` (while it is heard).",
    ("stage",),
    DELAYS,
)
OWN_SHARE = Metric(
    "interpreter_own_share_seconds",
    HISTOGRAM,
    "seconds",
    "The part of the ear-voice span that is this service's: without the pause, the model and the wait for the floor.",
    buckets=SHORT,
)
FLOOR_WAIT = Metric(
    "interpreter_floor_wait_seconds",
    HISTOGRAM,
    "seconds",
    "How long an interpretation waited while another was heard.",
    buckets=DELAYS,
)
REVISIONS = Metric(
    "interpreter_caption_revisions",
    HISTOGRAM,
    "revisions",
    "Revisions of a caption until it was final.",
    buckets=(1, 2, 3, 5, 8, 13, 21, 34, 55),
)
FAULTS = Metric(
    "interpreter_faults_total",
    COUNTER,
    "faults",
    "What the quality checks found in interpretations; `heard` says whether it was spoken all the same.",
    ("fault", "heard"),
)
SECOND_ATTEMPTS = Metric(
    "interpreter_second_attempts_total",
    COUNTER,
    "utterances",
    "Interpretations that were requested once more because the first was none.",
)
CONDENSED = Metric(
    "interpreter_condensed_total",
    COUNTER,
    "utterances",
    "Interpretations that were requested in fewer words because a channel lagged.",
)
SPEECH = Metric(
    "interpreter_speech_seconds_total",
    COUNTER,
    "seconds",
    "Speech: `heard` by the model, with the pauses around it; of the voices that came back `played`, `trimmed` (pauses "
    "left out because the channel lagged) and `dropped`.",
    ("fate",),
)
UNDERRUNS = Metric(
    "interpreter_underruns_total",
    COUNTER,
    "utterances",
    "Interpretations that were interrupted while they were heard because no more of them had come.",
)
UNDERRUN_TIME = Metric(
    "interpreter_underrun_seconds_total", COUNTER, "seconds", "Silence within interpretations for that reason."
)
TOKENS = Metric("interpreter_model_tokens_total", COUNTER, "tokens", "Tokens of the model, by kind.", ("kind",))
MODEL_TIME = Metric(
    "interpreter_model_seconds_total", COUNTER, "seconds", "What the model bills by duration, by kind.", ("kind",)
)
COST = Metric(
    "interpreter_cost_total",
    COUNTER,
    "money",
    "What the model has cost, by the prices in the settings; without prices there is none.",
    ("currency",),
)

# --- calls ----------------------------------------------------------------------------------------

CALLS = Metric("interpreter_calls", GAUGE, "calls", "Calls of this replica, by state.", ("state",))
ACCEPTING = Metric("interpreter_accepting_calls", GAUGE, "", "1 while new calls are accepted, 0 while draining.")
OPEN_UTTERANCES = Metric(
    "interpreter_open_utterances", GAUGE, "utterances", "Utterances by lane that are being interpreted."
)
EVENTS = Metric(
    "interpreter_events_total",
    COUNTER,
    "events",
    "What happened to calls and lanes, as webhooks report it: joined, left, degraded, restored.",
    ("event", "reason"),
)

# --- queues ---------------------------------------------------------------------------------------

QUEUED_AUDIO = Metric(
    "interpreter_queue_seconds",
    GAUGE,
    "seconds",
    "The longest queue of audio of each kind: `playout` (interpretation to be heard in a room), `media_socket` (for "
    "ACS), `model` (speech for a session).",
    ("queue",),
)
QUEUED_ITEMS = Metric(
    "interpreter_queue_items",
    GAUGE,
    "items",
    "Length of each queue: `call_events`, `transcripts`, `webhooks`.",
    ("queue",),
)
LOST_ITEMS = Metric(
    "interpreter_lost_items_total",
    COUNTER,
    "items",
    "What a full queue dropped before it was stored: `transcripts`, `webhooks`.",
    ("queue",),
)

# --- audio ----------------------------------------------------------------------------------------

TICKS = Metric(
    "interpreter_frame_lateness_seconds",
    HISTOGRAM,
    "seconds",
    "How late the timer of all rooms woke: the jitter of outbound frames, and the lag of the event loop.",
    buckets=SHORT,
)
MEDIA_MESSAGES = Metric(
    "interpreter_media_messages_total",
    COUNTER,
    "messages",
    "Messages of ACS media sockets: `received`, and of these `malformed` and of `unknown` kind.",
    ("kind",),
)
MEDIA_AUDIO = Metric(
    "interpreter_media_audio_seconds_total",
    COUNTER,
    "seconds",
    "Audio for ACS media sockets: `accepted`, and what became of it: `sent`, `dropped` (ACS did not read), `stopped`.",
    ("fate",),
)
BACKLOG = Metric(
    "interpreter_model_audio_seconds_total",
    COUNTER,
    "seconds",
    "Speech for the model: `held`, and what became of it: `taken` by a session, `dropped` (too old or too much), "
    "`forgotten` (not wanted any more).",
    ("fate",),
)
BACKLOG_DROPS = Metric(
    "interpreter_model_utterances_dropped_total", COUNTER, "utterances", "Utterances dropped before the model had them."
)
MODEL_MESSAGES = Metric(
    "interpreter_model_messages_total",
    COUNTER,
    "messages",
    "Messages of the model that were `garbage`, `errors`, or answers about what is gone and were `ignored`.",
    ("kind",),
)
DETECTOR_FALLBACKS = Metric(
    "interpreter_detector_fallbacks_total",
    COUNTER,
    "loans",
    "How often a speaker got the lesser speech detector because all better ones were in use.",
)

# --- doors ----------------------------------------------------------------------------------------

REFUSALS = Metric(
    "interpreter_refusals_total",
    COUNTER,
    "requests",
    "Requests and upgrades that were refused, by endpoint and error code.",
    ("endpoint", "reason"),
)
REQUESTS = Metric(
    "interpreter_requests_total",
    COUNTER,
    "requests",
    "Requests to ACS about calls (`acs`), and attempts to open a session of the model (`model`), by outcome: `ok`, or "
    "what went wrong with the service. An answer about a call that is gone is `ok`.",
    ("to", "outcome"),
)
WEBHOOK_EVENTS = Metric(
    "interpreter_webhook_events_total",
    COUNTER,
    "events",
    "Events from Event Grid and Call Automation, by what became of them.",
    ("outcome",),
)
CONNECTIONS = Metric("interpreter_connections", GAUGE, "connections", "Connections open at the server.")
STORE_WORKS = Metric("interpreter_store_works", GAUGE, "", "1 while the store works, 0 while it fails.")
STORE_UNREADABLE = Metric(
    "interpreter_unreadable_records", GAUGE, "records", "Stored records that were found unreadable.", ("kind",)
)

# --- listeners ------------------------------------------------------------------------------------

LISTENED_ROOMS = Metric("interpreter_listened_rooms", GAUGE, "rooms", "Rooms that have a call or a reader.")
READERS = Metric("interpreter_readers", GAUGE, "readers", "Readers of captions, audio and signals.")
PUBLISHED = Metric(
    "interpreter_published_total", COUNTER, "items", "Captions, and frames and signals for which there were readers."
)
LISTENER_DROPS = Metric(
    "interpreter_listener_drops_total",
    COUNTER,
    "items",
    "What slow listeners missed: `frames`, `lines`, and `readers` that were disconnected.",
    ("kind",),
)
UPLINK_DROPS = Metric(
    "interpreter_microphone_frames_dropped_total",
    COUNTER,
    "frames",
    "Frames of microphones by browser that came faster than real time.",
)
LISTENER_DELAY = Metric(
    "interpreter_listener_audio_seconds",
    HISTOGRAM,
    "seconds",
    "From when a frame was due to when a listener's connection had it.",
    buckets=SHORT,
)

METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of them, in the order of this page."""
