// One speaker with an audience. Nothing is played here: a speaker hears no interpretation of what they say.

import { CaptionView } from "./modules/captions.js";
import { Connection } from "./modules/connection.js";
import { byId, element, setText } from "./modules/dom.js";
import { has, languageName, loadTexts, number, t } from "./modules/i18n.js";
import { Microphone, microphoneProblem } from "./modules/microphone.js";
import { audienceOf, deskOf, readTicket, ticketOf } from "./modules/speaking.js";

const RATE = 24_000;
const TONES = { active: "good", paused: "floor", ended: "problem" };

const ticket = ticketOf(location.hash);
const claims = ticket && readTicket(ticket);
const talk = byId("talk");
const stop = byId("stop");
const level = byId("meter").firstElementChild;

let room = "created";
let microphone = "off";
let device = null; // the open Microphone
let audio = null; // its Connection
let problem = ""; // of the microphone, until the next attempt

await loadTexts("pages", "speaker");
document.title = t("speaker.title");
const captions = new CaptionView(byId("captions"), { empty: t("speaker.nothing_said") });

if (!claims) refuse("speaker.no_link");
else if (claims.expiresMs < Date.now()) refuse("speaker.expired");
else follow();
show();

function refuse(key) {
  problem = t(key);
  talk.disabled = true;
}

function address(kind, query) {
  const url = new URL(`/ws/${kind}/${encodeURIComponent(claims.roomId)}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.search = new URLSearchParams({ ticket, close: "4001", ...query }).toString();
  return url.href;
}

function follow() {
  for (const kind of ["captions", "signaling"]) {
    new Connection({
      url: async () => {
        const after = kind === "captions" ? captions.model.position : null;
        return address(kind, after === null ? {} : { after });
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
  else if (reason !== "left") problem = has(`problem.${reason}`) ? t(`problem.${reason}`) : t("speaker.expired");
  close();
  show();
}

async function start() {
  problem = "";
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
  if (microphone !== "opening") return device.close(); // it was stopped meanwhile
  audio = new Connection({
    url: async () => address("audio", { format: "pcm16", rate: RATE }),
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

function pause(paused) {
  microphone = paused ? "paused" : "on";
  device.muted = paused;
  audio.send({ event: paused ? "mute" : "unmute" });
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
  const desk = deskOf(room, microphone);
  const state = byId("state");
  setText(state, t(`speaker_state.${desk.state}`));
  state.dataset.tone = TONES[desk.state] ?? "";
  setText(talk, t(`speaker.${desk.action ?? (room === "ended" ? "over" : "start")}`));
  talk.dataset.on = String(microphone === "on");
  talk.disabled = desk.action === null || !claims || claims.expiresMs < Date.now();
  talk.dataset.action = desk.action ?? "";
  stop.disabled = !desk.canStop;
  const hint = byId("hint");
  hint.classList.toggle("error", problem !== "");
  setText(hint, problem || t(`speaker.${desk.hint}`));
}

talk.addEventListener("click", () => {
  if (talk.dataset.action === "start") start();
  else if (talk.dataset.action) pause(talk.dataset.action === "pause");
});
stop.addEventListener("click", () => {
  close();
  show();
  talk.focus();
});
