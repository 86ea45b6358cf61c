// The meeting on the page: who speaks, captions, microphone, balance, messages.

import { Call } from "./modules/call.js";
import { CaptionView } from "./modules/captions.js";
import { parseEntry } from "./modules/commands.js";
import { byId, clean, element, initials, isTyping, nameOf, setText } from "./modules/dom.js";
import { languageName, number, t, timeOfDay } from "./modules/i18n.js";
import { stateShown } from "./modules/presence.js";
import { problemText } from "./modules/problems.js";

const TOLD_MS = 5000;
const ACCEPTED_WITHIN_MS = 8000;

export class Meeting {
  constructor({ access, room, hears, format, loudspeaker, microphone, line, onLeave }) {
    Object.assign(this, { access, room, hears, microphone, loudspeaker, line, onLeave });
    this._view = new CaptionView(byId("captions"), { language: hears, twoColumns: byId("columns").checked, empty: t("captions.waiting") });
    this._call = new Call({
      access,
      hears,
      microphone,
      loudspeaker,
      line,
      format,
      balance: byId("balance").valueAsNumber,
      after: () => this._view.model.position,
      on: {
        presence: () => this._showPresence(),
        caption: (message) => this._view.apply(message),
        state: (state, detail) => this._connectionIs(state, detail),
        accepted: (id) => this._accepted(id),
        refused: (error) => this._tell(problemText(error), true),
        replaced: () => this._leave(t("problem.replaced")), // two tabs would hear each other
      },
    });
    this._pending = null; // `{id, timer}` of the message on its way
    this._gone = new AbortController();
  }

  start() {
    byId("call").hidden = false;
    setText(byId("room"), clean(this.room.name, 120));
    this._tell(t("connection.connecting"));
    this._listen();
    this._call.start();
    this._showPresence();
    if (this.microphone) {
      this.microphone.onLevel = (level) => this._level(level);
      this.microphone.onLost = () => this._microphoneLost();
      this._setMuted(byId("push").checked);
    } else {
      this._noMicrophone();
    }
    byId("balance").parentElement.hidden = Boolean(this.line); // ACS mixes what is heard in a call
    if (this.line) {
      this.line.onMuted = (muted) => this._mutedIs(muted);
      this.line.onEnded = () => this._leave(t("problem.call_ended"));
    }
    this.loudspeaker?.showOnLockScreen({
      title: clean(this.room.name, 120),
      artist: languageName(this.hears),
      onPlay: () => this.loudspeaker.start(),
      onPause: () => this.loudspeaker.pause(),
    });
    this.loudspeaker?.setPlaying(true);
    byId("call-title").focus();
  }

  _listen() {
    const { signal } = this._gone;
    const on = (target, kind, work) => target.addEventListener(kind, work, { signal });
    on(byId("balance"), "input", () => this._call.setBalance(byId("balance").valueAsNumber));
    on(byId("columns"), "change", () => this._view.setTwoColumns(byId("columns").checked));
    on(byId("larger"), "change", () => byId("call").classList.toggle("larger", byId("larger").checked));
    on(byId("push"), "change", () => this.microphone && this._setMuted(byId("push").checked));
    on(byId("message"), "submit", (event) => this._entered(event));
    byId("save").hidden = this.room.save_transcript === false;
    on(byId("save"), "click", () => this._save());
    on(byId("leave"), "click", () => this._leave(t("call.left")));
    on(byId("more"), "click", () => this._openSide(!byId("side").classList.contains("open")));
    on(document, "pointerdown", ({ target }) => {
      if (!target.closest("#side, #more")) this._openSide(false);
    });
    this._listenForTalk(on);
    on(document, "visibilitychange", () => this.loudspeaker?.context.resume());
  }

  /** Open microphone: a press toggles. Push-to-talk: heard as long as the button, or P, is held. */
  _listenForTalk(on) {
    const mic = byId("mic");
    const pushing = () => byId("push").checked && this.microphone;
    const hold = (event) => {
      if (!pushing()) return;
      event.preventDefault();
      mic.focus();
      this._setMuted(false);
    };
    const release = () => pushing() && this._setMuted(true);
    on(mic, "click", () => this.microphone && !byId("push").checked && this._setMuted(!this._call.muted));
    on(mic, "pointerdown", hold);
    for (const kind of ["pointerup", "pointercancel"]) on(window, kind, release);
    on(window, "blur", release);
    on(document, "keydown", (event) => {
      if (event.key === "Escape") this._openSide(false);
      const onButton = event.target === mic && (event.key === " " || event.key === "Enter");
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (onButton || (event.key.toLowerCase() === "p" && !isTyping(event))) hold(event);
    });
    on(document, "keyup", (event) => {
      if (["p", " ", "enter"].includes(event.key.toLowerCase())) release();
    });
  }

  _openSide(open) {
    const { classList } = byId("side");
    if (classList.contains("open") === open) return;
    classList.toggle("open", open);
    byId("more").setAttribute("aria-expanded", String(open));
    if (open) byId("side").querySelector("input, button").focus();
    else byId("more").focus();
  }

  _setMuted(muted) {
    this._call.mute(muted);
    this._mutedIs(muted);
  }

  _mutedIs(muted) {
    this._call.muted = muted;
    const push = byId("push").checked;
    byId("mic").setAttribute("aria-pressed", String(!muted));
    setText(byId("mic-text"), t(push ? (muted ? "call.hold" : "call.on_air") : muted ? "call.unmute" : "call.mute"));
    if (muted) this._level(0);
  }

  _level(level) {
    byId("call-level").firstElementChild.style.transform = `scaleX(${this._call.muted ? 0 : level.toFixed(2)})`;
  }

  _noMicrophone() {
    byId("mic").disabled = true;
    byId("mic").setAttribute("aria-pressed", "false");
    setText(byId("mic-text"), t("call.no_microphone"));
  }

  _microphoneLost() {
    this.microphone?.close();
    this.microphone = null;
    this._noMicrophone();
    this._tell(t("call.mic_lost"), true);
  }

  _connectionIs(state, { reason } = {}) {
    if (state === "open") this._tell("");
    else if (state === "waiting") this._tell(t("connection.waiting"), true);
    else if (state === "stopped" && reason !== "left") this._leave(problemText(reason));
  }

  _showPresence() {
    const { presence } = this._call;
    const { text, tone, reason } = stateShown(presence.roomState, presence.interpreter);
    setText(byId("state"), text);
    byId("state").dataset.tone = tone;
    if (reason !== (this._reason ?? "")) this._tell((this._reason = reason));
    setText(byId("listeners"), t("call.listeners", { count: number(presence.listeners) }));
    const { people } = presence;
    byId("people").replaceChildren(...people.map(personShown));
    const speaking = people.filter((person) => person.speaking);
    byId("now").replaceChildren(...speaking.map(speakerShown));
  }

  _entered(event) {
    event.preventDefault();
    const box = byId("text");
    const { kind, value } = parseEntry(box.value);
    if (kind === "nothing" || this._pending) return;
    if (kind === "unknown") return this._tell(t("call.unknown_command"), true);
    if (kind === "join") return location.assign(`/join/${value}`);
    if (kind === "username") {
      const name = clean(value, 64);
      if (!this._call.rename(name)) return this._tell(t("call.not_sent"), true);
      box.value = "";
      return this._tell(t("call.renamed", { name }));
    }
    const id = crypto.randomUUID?.() ?? String(performance.now());
    if (!this._call.say(value, id)) return this._tell(t("call.not_sent"), true);
    const timer = setTimeout(() => this._notSent(), ACCEPTED_WITHIN_MS);
    this._pending = { id, timer, value: box.value };
    return undefined;
  }

  _accepted(id) {
    if (id !== this._pending?.id) return;
    clearTimeout(this._pending.timer);
    if (byId("text").value === this._pending.value) byId("text").value = "";
    this._pending = null;
    this._tell(t("call.sent"));
  }

  _notSent() {
    clearTimeout(this._pending?.timer);
    this._pending = null;
    this._tell(t("call.not_sent"), true);
  }

  _save() {
    const text = this._view.model.transcript(this.hears, timeOfDay);
    const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/plain;charset=utf-8" }));
    element("a", { href: address, download: `${clean(this.room.name, 60) || "transcript"}.txt` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  _leave(why) {
    this._gone.abort();
    clearTimeout(this._pending?.timer);
    clearTimeout(this._telling);
    this.loudspeaker?.setPlaying(false);
    this._call.stop();
    byId("side").classList.remove("open");
    byId("call").hidden = true;
    this.onLeave(why);
  }

  /** Shows a sentence in the line that is kept for it: a problem until it is over, anything else for a while. */
  _tell(text, isProblem = false) {
    clearTimeout(this._telling);
    setText(byId("told"), text);
    byId("told").classList.toggle("error", isProblem);
    if (text && !isProblem && text !== this._reason) this._telling = setTimeout(() => this._tell(this._reason ?? ""), TOLD_MS);
  }
}

function personShown({ name, speaks, muted, speaking, isMe }) {
  const said = speaking ? t("call.speaking") : muted ? t("call.muted") : speaks ? languageName(speaks) : "";
  return element(
    "li",
    { class: "person", "data-speaking": String(speaking) },
    element("span", { class: "face", "aria-hidden": "true", text: initials(name) }),
    element("span", {}, nameOf(name, { class: "name" }), element("small", { text: said })),
    element("small", { text: isMe ? t("call.you") : "" }),
  );
}

function speakerShown({ name }) {
  return element(
    "span",
    { class: "speaker", "data-speaking": "true" },
    element("span", { class: "face", "aria-hidden": "true", text: initials(name) }),
    nameOf(name),
  );
}
