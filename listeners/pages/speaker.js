// One speaker with an audience. Nothing is played here: a speaker hears no interpretation of what they say.

import { Refused, post } from "./modules/access.js";
import { CaptionView } from "./modules/captions.js";
import { Connection } from "./modules/connection.js";
import { byId, element, setText } from "./modules/dom.js";
import { languageName, loadTexts, number, t } from "./modules/i18n.js";
import { Microphone, microphoneProblem } from "./modules/microphone.js";
import { problemText } from "./modules/problems.js";
import { audienceOf, deskOf, readTicket, sessionOf, ticketOf } from "./modules/speaking.js";

const RATE = 24_000;
const TONES = { active: "good", paused: "floor", ended: "problem" };

const ticket = ticketOf(location.hash);
const claims = ticket && readTicket(ticket);
const session = sessionOf(location.search); // null of a link into a meeting that others start and end
const talk = byId("talk");
const stop = byId("stop");
const level = byId("meter").firstElementChild;

let room = "created";
let microphone = "off";
let device = null; // the open Microphone
let audio = null; // its Connection
let problem = ""; // until the next attempt
let busy = false; // the service is asked
let sure = false; // the next press of the stop button ends the session

await loadTexts("pages", "speaker");
document.title = t("speaker.title");
const captions = new CaptionView(byId("captions"), { empty: t("speaker.nothing_said") });

if (!claims) refuse("speaker.no_link");
else if (claims.expiresMs < Date.now()) refuse("speaker.expired");
else follow();
show();

function refuse(key) {
  problem = t(key);
  press(talk, false);
}

/** Says whether a button does anything. It keeps the focus: a button that is disabled would lose it. */
function press(button, works) {
  button.setAttribute("aria-disabled", String(!works));
}

/** The address of a socket. Nobody here can renew the ticket. */
function address(kind, query, { fresh }) {
  if (fresh) throw new Refused(401, "forbidden");
  const url = new URL(`/ws/${kind}/${encodeURIComponent(claims.roomId)}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.search = new URLSearchParams({ ticket, close: "4001", ...query }).toString();
  return url.href;
}

function follow() {
  for (const kind of ["captions", "signaling"]) {
    new Connection({
      url: async (options) => {
        const after = kind === "captions" ? captions.model.position : null;
        return address(kind, after === null ? {} : { after }, options);
      },
      onMessage: received,
      onState: (state, { reason }) => state === "stopped" && stopped(reason),
    }).start();
  }
}

function received(message, kind) {
  if (kind === "caption") {
    if (!message.original) return;
    captions.language ??= message.language; // a speaker who changes language is read in one column all the same
    captions.apply({ ...message, language: captions.language });
  } else if (kind === "room") {
    room = message.state;
  } else if (kind === "hello") {
    room = message.room_state ?? room;
    if (message.listener_count !== undefined) counted(message.listener_count, message.listeners);
  } else if (kind === "listener_count") {
    counted(message.count, message.by_language);
  }
  if (room === "ended") close();
  show();
}

function counted(count, byLanguage) {
  setText(byId("count"), number(count));
  byId("languages").replaceChildren(
    ...audienceOf(byLanguage).map(([tag, people]) => element("li", { text: `${tag === "floor" ? t("speaker.floor") : languageName(tag)} ${number(people)}` })),
  );
}

function stopped(reason) {
  if (reason === "room_ended") room = "ended";
  else if (reason !== "left") problem = reason === "replaced" ? t("problem.replaced") : t("speaker.expired");
  close();
  show();
}

/** Asks the service to start, stop or end the session, if there is one; says whether it has. */
async function command(what) {
  if (!session) return true;
  busy = true;
  show();
  try {
    room = (await post(`/api/${what}`, { sessionId: session }, { Authorization: `Bearer ${ticket}` })).status;
    return true;
  } catch (error) {
    problem = [401, 404].includes(error.status) ? t("speaker.expired") : problemText({ ...error, code: error.status === 409 ? "other" : error.code });
    return false;
  } finally {
    busy = false;
  }
}

async function start() {
  microphone = "opening";
  show();
  try {
    device = await Microphone.open({
      rate: RATE,
      onFrame: (frame) => audio?.sendAudio(frame),
      onLevel: (value) => (level.style.transform = `scaleX(${value})`),
      onLost: () => {
        problem = t("call.mic_lost");
        close();
        show();
      },
    });
  } catch (error) {
    problem = t(`join.mic_${microphoneProblem(error)}`);
    microphone = "off";
    show();
    return;
  }
  if (microphone === "opening" && !(await command("startTranslation"))) close();
  if (microphone !== "opening") {
    device?.close(); // it was stopped meanwhile
    return show();
  }
  audio = new Connection({
    url: async (options) => address("audio", { format: "pcm16", rate: RATE }, options),
    onState: (state, { reason }) => connected(state, reason),
    onMessage: received,
  });
  audio.start();
}

function connected(state, reason) {
  if (state === "stopped") {
    if (reason !== "left") stopped(reason);
    return;
  }
  if (reason === "not_started") { // the organiser has stopped the session: it can be started again
    close();
    return show();
  }
  if (state === "open") {
    device.numbers.restart();
    if (microphone !== "paused") microphone = "on";
    audio.send({ event: microphone === "paused" ? "mute" : "unmute" });
  } else if (state === "waiting" && microphone !== "paused") {
    microphone = "lost";
  }
  device.muted = microphone !== "on";
  show();
}

async function pause() {
  microphone = "paused";
  device.muted = true;
  audio.send({ event: "mute" });
  show();
  if (room !== "paused") await command("stopTranslation");
  show();
}

async function resume() {
  if ((await command("startTranslation")) && audio) {
    microphone = audio.state === "open" ? "on" : "lost";
    device.muted = microphone !== "on";
    audio.send({ event: "unmute" });
  }
  show();
}

async function end() {
  close();
  await command("endSession");
  show();
}

function close() {
  microphone = "off";
  audio?.stop();
  device?.close();
  audio = device = null;
  level.style.transform = "";
}

function show() {
  const desk = deskOf(room, microphone, session !== null);
  const state = byId("state");
  setText(state, t(`speaker_state.${desk.state}`));
  state.dataset.tone = TONES[desk.state] ?? "";
  setText(talk, t(`speaker.${desk.action ?? (room === "ended" ? "over" : "start")}`));
  talk.dataset.on = String(microphone === "on");
  const valid = claims && claims.expiresMs > Date.now();
  press(talk, desk.action !== null && valid);
  talk.dataset.action = (valid && desk.action) || "";
  press(stop, desk.canStop && valid);
  setText(stop, t(`speaker.${sure ? "end_really" : session ? "end" : "stop"}`));
  const hint = byId("hint");
  hint.classList.toggle("error", problem !== "");
  setText(hint, problem || t(`speaker.${desk.hint}`));
}

talk.addEventListener("click", () => {
  const { action } = talk.dataset;
  if (busy) return;
  problem = "";
  if (action === "pause") pause();
  else if (action) (device ? resume : start)();
});
stop.addEventListener("click", () => {
  if (busy || stop.getAttribute("aria-disabled") === "true") return;
  problem = "";
  if (session && sure) end();
  else if (!session) close();
  sure = session !== null && !sure;
  show();
  if (!session) talk.focus();
});
stop.addEventListener("blur", () => {
  sure = false;
  show();
});
