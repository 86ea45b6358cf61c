// Listening and reading in one language; with `?embed=1` captions alone, for an overlay in streaming software.

import { Access, Refused } from "./modules/access.js";
import { Channel, Loudspeaker, bestFormat } from "./modules/audio_player.js";
import { AvatarStage, ENGINES } from "./modules/avatar/stage.js";
import { CaptionView } from "./modules/captions.js";
import { Connection } from "./modules/connection.js";
import { byId, clean, element, setText } from "./modules/dom.js";
import { languageChoices, loadTexts, pickLanguage, seconds, t } from "./modules/i18n.js";
import { stateShown } from "./modules/presence.js";
import { problemText } from "./modules/problems.js";

const EMBEDDED_LINES = 2;
const query = new URLSearchParams(location.search);
const embedded = query.get("embed") === "1";
const access = new Access(location.pathname.split("/").pop());

let view;
let language;
let captions;
let sound = null; // `{loudspeaker, channel, connection, analyser}` while it is heard
const avatar = new AvatarStage(byId("stage"));
let roomState = "created";

document.documentElement.classList.toggle("embedded", embedded);
await loadTexts("pages");
document.title = t("listen.play");
await enter();

async function enter() {
  try {
    await access.ticket("captions");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    setText(byId("problem"), problemText(error));
    if (error.status !== 404) setTimeout(enter, Math.max(error.retryAfterMs ?? 0, 3000));
    return;
  }
  setText(byId("problem"), "");
  const { name, languages } = access.room;
  setText(byId("room"), clean(name, 120));
  document.title = clean(name, 120);
  language = languageOf(query.get("language") ? [query.get("language")] : navigator.languages, languages);
  const choice = byId("language");
  choice.replaceChildren(...languageChoices(languages).map(({ tag, name: text }) => element("option", { value: tag, text })));
  choice.value = language;
  choice.disabled = false;
  choice.addEventListener("change", () => choose(choice.value));
  view = new CaptionView(byId("captions"), { language, most: embedded ? EMBEDDED_LINES : undefined, empty: embedded ? "" : t("captions.waiting") });
  const face = byId("avatar");
  face.replaceChildren(...ENGINES.map((name) => element("option", { value: name, text: t(`avatar.${name}`) })));
  face.addEventListener("change", () => showFace(face));
  captions = new Connection({
    url: (options) =>
      access.socketUrl("captions", { language, ...(view.model.position ? { after: view.model.position } : {}) }, options),
    onMessage: heard,
    onState: connectionChanged,
  });
  captions.start();
  byId("play").disabled = false;
  byId("play").addEventListener("click", () => (sound ? silence() : play()));
}

async function showFace(choice) {
  await avatar.choose(choice.value).catch(() => {}); // could not be loaded: it stays off
  choice.value = avatar.chosen;
  if (sound?.channel.sounding) avatar.speech(sound.analyser);
}

/** The first wanted language that the room has, else its first. */
function languageOf(wanted, offered) {
  for (const tag of wanted) {
    const exact = offered.find((one) => one.toLowerCase() === tag.toLowerCase());
    if (exact) return exact;
    const base = pickLanguage([tag], offered.map((one) => one.split("-")[0].toLowerCase()));
    const found = offered.find((one) => one.split("-")[0].toLowerCase() === base && base === tag.split("-")[0].toLowerCase());
    if (found) return found;
  }
  return offered[0];
}

function choose(tag) {
  language = tag;
  view = new CaptionView(byId("captions"), { language, empty: t("captions.waiting") });
  captions.restart();
  if (!sound) return;
  sound.channel.flush();
  sound.connection.restart();
  announce();
}

function heard(message, kind) {
  if (kind === "caption") view.apply(message);
  else if (kind === "hello") roomIs(message.room_state ?? "active");
  else if (kind === "room") roomIs(message.state);
}

function roomIs(state) {
  roomState = state;
  const { text, tone } = stateShown(state);
  setText(byId("state"), text);
  byId("state").dataset.tone = tone;
}

function connectionChanged(state, { reason } = {}) {
  if (state === "open") setText(byId("problem"), "");
  else if (state === "waiting") setText(byId("problem"), t("connection.waiting"));
  else if (state === "stopped") {
    if (reason === "room_ended") roomIs("ended");
    setText(byId("problem"), problemText(reason));
    if (sound) silence();
    byId("play").disabled = true;
  }
}

async function play() {
  show(true);
  const format = await bestFormat();
  try {
    const loudspeaker = new Loudspeaker(format);
    await loudspeaker.start();
    const analyser = new AnalyserNode(loudspeaker.context, { fftSize: 8192 });
    const channel = new Channel(loudspeaker, { onSound: (sounds) => (sounds ? avatar.speech(analyser) : avatar.rest()) });
    channel.output.connect(analyser);
    const connection = new Connection({
      url: (options) => access.socketUrl("audio", { language, format }, options),
      onMessage: (message, kind) => kind === "flush" && channel.flush(),
      onAudio: (buffer) => channel.push(buffer),
      onState: (state, { reason } = {}) => state === "stopped" && reason !== "left" && silence(),
    });
    sound = { loudspeaker, channel, connection, analyser };
    connection.start();
    announce();
    sound.shown = setInterval(showDelay, 1000);
    showDelay();
  } catch {
    show(false);
    setText(byId("problem"), t("listen.no_sound"));
  }
}

function silence() {
  avatar.rest();
  clearInterval(sound.shown);
  sound.connection.stop();
  sound.channel.close();
  sound.loudspeaker.setPlaying(false);
  sound.loudspeaker.close();
  sound = null;
  show(false);
  setText(byId("sound"), "");
}

function show(playing) {
  byId("play").setAttribute("aria-pressed", String(playing));
  setText(byId("play-text"), t(playing ? "listen.pause" : "listen.play"));
}

function announce() {
  const [{ name }] = languageChoices([language]);
  sound.loudspeaker.showOnLockScreen({ title: clean(access.room.name, 120), artist: name, onPlay: play, onPause: silence });
  sound.loudspeaker.setPlaying(true);
}

function showDelay() {
  const { channel, connection } = sound;
  const delay = channel.sounding ? channel.delayMs(connection.clockOffsetMs ?? captions.clockOffsetMs) : null;
  setText(byId("sound"), delay === null ? t("listen.silent") : t("listen.delay", { seconds: seconds(delay) }));
}

document.addEventListener("visibilitychange", () => sound?.loudspeaker.context.resume());
