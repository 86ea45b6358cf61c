// One person in a meeting: the sockets of it, the microphone, and what is heard. Knows nothing of the page.

import { Channel } from "./audio_player.js";
import { Connection } from "./connection.js";
import { Hearing } from "./hearing.js";
import { Presence } from "./presence.js";

const DUCK_MS = 120;
const RAISE_MS = 500;
const LATEST_MS = 2000; // a signal for later than that has a wrong clock

/**
 * `access` gives tickets; `microphone` and `loudspeaker` may be null: then nothing is said, or heard. With a `line`
 * (`AcsLine`), one speaks and hears in the call of the ACS room, and there is no audio socket.
 *
 * `on` is told: `presence()`, `caption(message)`, `state(state, detail)`, `accepted(clientId)`, `refused(error)`,
 * `replaced()`. The state is that of the connection that is worst off.
 */
export class Call {
  constructor({ access, hears, microphone, loudspeaker, line = null, format, balance, after, on }) {
    Object.assign(this, { access, microphone, loudspeaker, line, on });
    this.presence = new Presence();
    this.hearing = new Hearing({ language: hears, balance, isMe: (speaker) => this.presence.isMe(speaker) });
    this.muted = true;
    const url = (kind, query) => (options) => access.socketUrl(kind, query(), options);
    const sound = { format };
    const silent = { microphone: "0" };
    this.signaling = this._connection(url("signaling", () => ({})), (message) => this._signal(message));
    this.captions = this._connection(
      url("captions", () => (after() ? { after: after() } : {})),
      (message, kind) => this._captioned(message, kind),
    );
    this.audio = this._connection(
      url("audio", () => ({ language: hears, ...sound, ...(microphone ? {} : silent) })),
      (message, kind) => this._ofAudio(message, kind),
      (buffer) => this._language?.push(buffer),
    );
    this.floor = this._connection(
      url("audio", () => ({ language: "floor", ...sound, ...silent })),
      (message, kind) => kind === "flush" && this._floor?.flush(),
      (buffer) => this._floor?.push(buffer),
    );
    this._needed = [this.signaling, this.captions, ...(!line && (microphone || loudspeaker) ? [this.audio] : [])];
  }

  start() {
    if (this.loudspeaker) {
      const { floor, language } = this.hearing.gains;
      this._language = new Channel(this.loudspeaker, { gain: language, accepts: (frame) => this.hearing.accepts(frame) });
      this._floor = new Channel(this.loudspeaker, { gain: floor });
    }
    if (this.microphone) this.microphone.onFrame = (frame) => this.audio.sendAudio(frame);
    for (const connection of this._needed) connection.start();
    if (this.loudspeaker && this.hearing.floorAudible) this.floor.start();
  }

  mute(muted) {
    this.muted = muted;
    if (this.line) this.line.mute(muted);
    if (this.line || !this.microphone) return;
    this.microphone.muted = muted;
    this.audio.send({ event: muted ? "mute" : "unmute" });
  }

  /** 0: the floor alone; 1: the interpretation alone, and the floor is not even sent. */
  setBalance(balance) {
    const before = this.hearing.floorAudible;
    this.hearing.balance = balance;
    this._ramp(0, RAISE_MS / 4);
    if (!this.loudspeaker || before === this.hearing.floorAudible) return;
    if (before) this.floor.pause();
    else this.floor.start();
  }

  say(text, clientId) {
    return this.captions.send({ event: "message", text, client_id: clientId });
  }

  rename(name) {
    this.access.rename(name);
    return this.signaling.send({ type: "username", name });
  }

  stop(reason = "left") {
    for (const connection of [this.signaling, this.captions, this.audio, this.floor]) connection.stop(reason);
    this._language?.close();
    this._floor?.close();
    this.line?.close();
    this.microphone?.close();
    this.loudspeaker?.close();
  }

  _connection(url, onMessage, onAudio) {
    const connection = new Connection({ url, onMessage, onAudio, onState: (...state) => this._changed(connection, ...state) });
    return connection;
  }

  _changed(connection, state, detail) {
    if (connection === this.floor || !this._needed?.includes(connection)) return;
    if (connection === this.signaling && state !== "open") {
      this.hearing.reset();
      this._ramp(0, RAISE_MS);
    }
    if (state === "stopped" && detail.reason === "replaced") this.on.replaced();
    else if (state === "stopped") this.on.state("stopped", detail);
    else if (this._needed.every((one) => one.state === "open")) this.on.state("open");
    else if (state !== "open") this.on.state(state, detail);
  }

  _signal(message) {
    if (this.hearing.signal(message)) return this._ramp(this._untilHeard(message), this.hearing.gains.floor < 1 ? DUCK_MS : RAISE_MS);
    if (this.presence.apply(message)) this.on.presence();
    return undefined;
  }

  _captioned(message, kind) {
    if (kind === "caption") {
      this.presence.name(message.speaker_id, message.speaker_name);
      this.on.caption(message);
    } else if (kind === "message_accepted") this.on.accepted(message.client_id);
    else if (kind === "error") this.on.refused(message.error);
  }

  _ofAudio(message, kind) {
    if (kind === "flush") this._language?.flush();
    if (kind !== "hello") return;
    this.microphone?.numbers.restart();
    if (this.microphone) this.mute(this.muted);
  }

  /** In how many ms the sound is heard that a signal belongs to. */
  _untilHeard({ at_us: atUs }) {
    const offset = this.signaling.clockOffsetMs ?? this.audio.clockOffsetMs;
    if (!atUs || offset === null || !this._language) return 0;
    const due = atUs / 1000 - (Date.now() + offset);
    return Math.max(0, Math.min(LATEST_MS, due + this._language.heldMs));
  }

  _ramp(inMs, ms) {
    const { floor, language } = this.hearing.gains;
    this._floor?.rampTo(floor, ms, inMs);
    this._language?.rampTo(language, language ? 40 : 0, language ? inMs : 0);
  }
}
