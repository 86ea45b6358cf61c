// Taking part: first who one is and what one hears, then the meeting.

import { Access, Refused } from "./modules/access.js";
import { AcsLine, acsClientFor } from "./modules/acs_line.js";
import { Loudspeaker, bestFormat } from "./modules/audio_player.js";
import { byId, clean, element, setText } from "./modules/dom.js";
import { languageChoices, loadTexts, t } from "./modules/i18n.js";
import { Microphone, microphoneProblem, microphones } from "./modules/microphone.js";
import { problemText } from "./modules/problems.js";
import { Meeting } from "./meeting.js";

const HEARD_LEVEL = 0.45;
const code = location.pathname.split("/").pop();
const given = new URLSearchParams(location.hash.slice(1)).get("ticket");
const kept = `guest ${code}`; // in sessionStorage: who one is after the page was loaded again

let room;
let microphone = null;
let format = "pcm16";

await loadTexts("pages");
document.title = t("join.title");
byId("listen-only").href = `/listen/${code}`;
byId("name-field").hidden = byId("speaks").parentElement.hidden = Boolean(given);
setText(byId("join"), t("join.enter"));
const before = readGuest();
byId("name").value = before?.display_name ?? "";
byId("enter").addEventListener("submit", enter);
byId("check").addEventListener("click", () => openMicrophone());
byId("device").addEventListener("change", () => openMicrophone(byId("device").value));
byId("name").addEventListener("input", () => nameIs(true));
bestFormat().then((best) => (format = best));
await look();

/** Asks for the room's name and languages. */
async function look() {
  const access = new Access(code);
  try {
    await access.ticket("captions");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem(problemText(error));
    if (error.status !== 404) setTimeout(look, Math.max(error.retryAfterMs ?? 0, 3000));
    return;
  }
  problem("");
  ({ room } = access);
  setText(byId("lobby-room"), clean(room.name, 120));
  document.title = clean(room.name, 120);
  const options = languageChoices(room.languages);
  const own = navigator.languages.map((tag) => tag.split("-")[0]);
  const native = room.languages.find((tag) => own.includes(tag.split("-")[0])) ?? room.languages[0];
  for (const [id, chosen] of [["speaks", before?.speaks], ["hears", before?.hears]]) {
    const choice = byId(id);
    choice.replaceChildren(...options.map(({ tag, name }) => element("option", { value: tag, text: name })));
    choice.value = room.languages.includes(chosen) ? chosen : native;
    choice.disabled = false;
  }
  // Whoever changes the language spoken mostly wants to hear it, too.
  byId("speaks").addEventListener("change", () => (byId("hears").value = byId("speaks").value));
  byId("join").disabled = false;
}

async function openMicrophone(deviceId) {
  const hint = byId("check-hint");
  microphone?.close();
  microphone = null;
  try {
    microphone = await Microphone.open({ deviceId, onLevel: showLevel });
  } catch (error) {
    hint.classList.add("error");
    setText(hint, t(`join.mic_${microphoneProblem(error)}`));
    return null;
  }
  hint.classList.remove("error");
  setText(hint, t("join.say_something"));
  const found = await microphones();
  byId("device").replaceChildren(...found.map(({ deviceId: id, label }) => element("option", { value: id, text: clean(label, 60) })));
  byId("device").value = microphone.deviceId ?? "";
  byId("device").disabled = found.length < 2;
  return microphone;
}

function showLevel(level) {
  byId("level").firstElementChild.style.transform = `scaleX(${level.toFixed(2)})`;
  if (level > HEARD_LEVEL) setText(byId("check-hint"), t("join.heard"));
}

async function enter(event) {
  event.preventDefault();
  const name = clean(byId("name").value, 64);
  if (!given && !nameIs(Boolean(name))) return byId("name").focus();
  const button = byId("join");
  button.disabled = true;
  problem("");
  const loudspeaker = new Loudspeaker(format); // now: browsers let sound begin with a click only
  const hears = byId("hears").value;
  const person = given ? {} : { display_name: name, speaks: byId("speaks").value, hears };
  const { participant_id: participant, guest_key: key } = readGuest() ?? {};
  const access = new Access(code, { person, guest: key ? { participant_id: participant, guest_key: key } : null });
  if (given) access.use(given, room);
  try {
    const [opened] = await Promise.all([microphone ?? openMicrophone(), access.ticket("speak"), loudspeaker.start()]);
    keepGuest(access);
    const line = await lineOf(access, opened);
    if (line) loudspeaker.close();
    const heard = line ? null : loudspeaker;
    new Meeting({ access, room, hears, format, loudspeaker: heard, microphone: opened, line, onLeave: left }).start();
    microphone = null;
    byId("lobby").hidden = true;
  } catch (error) {
    loudspeaker.close();
    problem(problemText(error instanceof Refused ? error : { code: error.name }));
  } finally {
    button.disabled = false;
  }
  return undefined;
}

/** The call of an ACS room, if one joins it; else, and if that fails, null: then one speaks and hears through our sockets. */
async function lineOf(access, opened) {
  const client = acsClientFor(room, opened, document.body.dataset.acsClient);
  if (!client) return null;
  setText(byId("check-hint"), t("connection.connecting"));
  return AcsLine.join({ client, access, microphone: opened }).catch((error) => {
    console.warn("The call was not joined by the ACS client:", error);
    return null;
  });
}

function left(why) {
  byId("lobby").hidden = false;
  problem(why);
  setText(byId("join"), t("call.again"));
  setText(byId("check-hint"), t("join.check_hint"));
  showLevel(0);
  byId("join").focus();
}

function problem(text) {
  byId("lobby-problem").hidden = !text;
  setText(byId("lobby-problem"), text);
}

function nameIs(there) {
  byId("name").toggleAttribute("aria-invalid", false);
  if (!there) byId("name").setAttribute("aria-invalid", "true");
  setText(byId("name-hint"), there ? "" : t("join.name_missing"));
  return there;
}

function readGuest() {
  try {
    return JSON.parse(sessionStorage.getItem(kept));
  } catch {
    return null;
  }
}

function keepGuest({ guest, person }) {
  if (!guest) return;
  try {
    sessionStorage.setItem(kept, JSON.stringify({ ...person, ...guest }));
  } catch {
    // Without storage one is somebody new after the page was loaded again.
  }
}
