// A socket that comes back by itself: heartbeat, drain, backoff, and a new ticket where the old one is refused.

const CLOSED_BY_US = 1000;
export const TICKET_REFUSED = 4001;
export const ROOM_ENDED = 4002;
export const REPLACED = 4004;

const FIRST_DELAY_MS = 400;
const LONGEST_DELAY_MS = 15_000;
const SILENT_HEARTBEATS = 2.5; // so many without a message, and the peer is taken for gone
const OPENING_MS = 10_000;

// Refusals that another attempt with the same code cannot mend.
const FINAL = new Set(["purpose", "room", "room_unknown", "language", "participant", "not_found", "forbidden", "conflict", "invalid_request"]);

/** How long to wait before attempt `attempt` (from 0): doubles, with half of it by chance, so that not all come at once. */
export function delayBefore(attempt, random = Math.random) {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return Math.round(full / 2 + (full / 2) * random());
}

// Refusals that a new ticket mends; after the others the same ticket is good again.
const RENEWABLE = new Set(["missing", "malformed", "signature", "expired"]);

/** What follows from a close: `{stop: reason}` or `{fresh}`, which says whether a new ticket is needed. */
export function afterClose(code, reason = "") {
  if (code === ROOM_ENDED) return { stop: "room_ended" };
  if (code === REPLACED) return { stop: "replaced" };
  if (code === TICKET_REFUSED) return FINAL.has(reason) ? { stop: reason } : { fresh: RENEWABLE.has(reason) };
  return { fresh: false };
}

/**
 * Keeps one socket open. States: "connecting", "open", "waiting" (with `retryMs`), "paused", "stopped" (with `reason`).
 *
 * `url({fresh})` is asked before each attempt, and may raise an error with `status`, `code` and `retryAfterMs`.
 * `onMessage(message)` gets JSON messages, `onAudio(buffer)` binary ones. Heartbeats are answered here.
 */
export class Connection {
  constructor({ url, onMessage = () => {}, onAudio = () => {}, onState = () => {}, socket, timers, random } = {}) {
    Object.assign(this, { url, onMessage, onAudio, onState });
    this.state = "new";
    this.roundTripMs = null;
    this.clockOffsetMs = null; // server's clock less ours, by the quickest heartbeat seen
    this._bestRoundTrip = Infinity;
    this._makeSocket = socket ?? ((address) => new WebSocket(address));
    this._timers = timers ?? {
      set: (ms, work) => setTimeout(work, ms),
      clear: (timer) => clearTimeout(timer),
      now: () => Date.now(),
    };
    this._random = random ?? Math.random;
    this._attempt = 0;
    this._fresh = false;
    this._drainMs = null;
    this._heartbeatMs = 10_000;
    this._run = 0; // grows with every attempt, so that late events of an earlier one are known
    this._hurry = () => this.state === "waiting" && document.visibilityState !== "hidden" && this._connect();
  }

  start() {
    if (this.state === "stopped") return;
    globalThis.addEventListener?.("online", this._hurry);
    globalThis.document?.addEventListener?.("visibilitychange", this._hurry);
    this._connect();
  }

  /** Sends a JSON message; says whether it could. */
  send(message) {
    if (this.state !== "open") return false;
    this._socket.send(JSON.stringify(message));
    return true;
  }

  /** Sends a binary message unless more than `limit` bytes wait already; says whether it did. */
  sendAudio(buffer, limit = 64 * 1024) {
    if (this.state !== "open" || this._socket.bufferedAmount > limit) return false;
    this._socket.send(buffer);
    return true;
  }

  /** Leaves the socket until `start` is called again. */
  pause() {
    if (this.state === "stopped") return;
    this._drop();
    this._enter("paused");
  }

  /** Ends it for good. */
  stop(reason = "left") {
    if (this.state === "stopped") return;
    globalThis.removeEventListener?.("online", this._hurry);
    globalThis.document?.removeEventListener?.("visibilitychange", this._hurry);
    this._drop();
    this._enter("stopped", { reason });
  }

  /** Leaves this socket and opens another, as after a change of what it is to carry. */
  restart() {
    if (this.state === "stopped") return;
    this._attempt = 0;
    this._connect();
  }

  _enter(state, detail = {}) {
    this.state = state;
    this.onState(state, detail);
  }

  _drop() {
    this._run += 1;
    this._timers.clear(this._timer);
    this._timers.clear(this._watch);
    const socket = this._socket;
    this._socket = null;
    if (socket && socket.readyState < 2) socket.close(CLOSED_BY_US);
  }

  async _connect() {
    this._drop();
    const run = this._run;
    this._drainMs = null;
    this._enter("connecting");
    let address;
    try {
      address = await this.url({ fresh: this._fresh });
    } catch (error) {
      if (run !== this._run) return;
      if (FINAL.has(error.code) || error.status === 404) this.stop(error.code);
      else this._wait(Math.max(error.retryAfterMs ?? 0, delayBefore(this._attempt, this._random)), error.code);
      return;
    }
    if (run !== this._run) return;
    this._fresh = false;
    const socket = this._makeSocket(address);
    socket.binaryType = "arraybuffer";
    this._socket = socket;
    this._expectWithin(OPENING_MS);
    socket.onopen = () => run === this._run && this._expectWithin(OPENING_MS);
    socket.onmessage = (event) => run === this._run && this._received(event.data);
    socket.onclose = (event) => run === this._run && this._closed(event.code, event.reason);
  }

  _received(data) {
    this._expectWithin(SILENT_HEARTBEATS * this._heartbeatMs);
    if (typeof data !== "string") return this.onAudio(data);
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return undefined; // of a later version, perhaps
    }
    const kind = message.event ?? message.type;
    if (kind === "hello") {
      this._attempt = 0;
      this._heartbeatMs = message.heartbeat_ms ?? this._heartbeatMs;
      this._enter("open");
    } else if (kind === "heartbeat") {
      this._heartbeat(message);
      return undefined;
    } else if (kind === "draining") {
      this._drainMs = message.reconnect_after_ms ?? 0;
    }
    return this.onMessage(message, kind);
  }

  _heartbeat({ type, sent_ms: sentMs, round_trip_ms: roundTripMs }) {
    this._socket.send(JSON.stringify({ [type ? "type" : "event"]: "heartbeat", sent_ms: sentMs }));
    if (typeof roundTripMs !== "number") return;
    this.roundTripMs = roundTripMs;
    if (roundTripMs > this._bestRoundTrip) return;
    this._bestRoundTrip = roundTripMs;
    this.clockOffsetMs = sentMs + roundTripMs / 2 - this._timers.now();
  }

  _closed(code, reason) {
    const { stop, fresh } = afterClose(code, reason);
    if (stop) return this.stop(stop);
    this._fresh ||= fresh;
    const drained = this._drainMs !== null;
    return this._wait(drained ? this._drainMs : delayBefore(this._attempt, this._random), reason, drained);
  }

  _wait(retryMs, reason, drained = false) {
    this._drop();
    if (!drained) this._attempt += 1;
    this._timer = this._timers.set(retryMs, () => this._connect());
    this._enter("waiting", { retryMs, reason });
  }

  _expectWithin(ms) {
    this._timers.clear(this._watch);
    this._watch = this._timers.set(ms, () => this._closed(1006, "silent"));
  }
}
