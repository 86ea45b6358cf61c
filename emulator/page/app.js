// The page: connects invitations, room and sound, and shows their state.

import { arrange, changes, initials, languageName } from "./people.js";
import { fromPcm16, meterFill, toPcm16 } from "./pcm.js";
import { microphoneRefused, UNREACHABLE } from "./refusals.js";
import { checkAdmission, joinAddress, Refused, Room } from "./room.js";
import { Sound } from "./sound.js";

const element = (id) => document.getElementById(id);
// Tabs of this page notify each other which one uses the microphone.
const tabs = new BroadcastChannel("microphone");

/** The current call; null in the lobby. */
let call = null;

// --- lobby ---------------------------------------------------------------------------------------

async function showInvitations() {
  let invitations;
  try {
    const answer = await fetch("/emulator/invitations", { cache: "no-store" });
    if (!answer.ok) throw new Refused({ title: "The invitations cannot be read", advice: `Status ${answer.status}.` });
    invitations = await answer.json();
  } catch (error) {
    showProblem(error instanceof Refused ? error : UNREACHABLE);
    return;
  }
  const languages = invitations.map((one) => one.language);
  element("invitations").replaceChildren(...invitations.map((one) => invitationRow(one, languages)));
  element("uninvited").hidden = invitations.length > 0;
}

function invitationRow(invitation, languages) {
  const language = languageName(invitation.language, languages);
  const button = make("button", { type: "button", className: "invitation" }, [
    make("span", { className: "face", ariaHidden: "true" }, [initials(invitation.name)]),
    make("span", { className: "who" }, [
      make("span", { className: "join-as" }, [`Join as ${invitation.name}`, make("span", { className: "visually-hidden" }, [", "])]),
      make("small", {}, [`speaks ${language}`]),
    ]),
    make("span", { className: "arrow", ariaHidden: "true" }, ["→"]),
  ]);
  button.addEventListener("click", () => join(invitation, language));
  return make("li", {}, [button]);
}

element("by-hand").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const field = (name) => form.get(name).trim();
  join({ name: field("name"), room: field("room"), token: field("token"), language: "" }, "");
});

// --- joining and leaving -----------------------------------------------------------------------------

/** Join as `name`; `try` has suggested sentences, if any. */
async function join({ name, language, room, token, try: sentences = [] }, spoken) {
  if (call) return;
  const own = { name, id: "", people: [], muted: false, sound: null, room: null, microphone: 0, heard: 0 };
  call = own;
  showProblem(null);
  setNotice("");
  element("call-title").textContent = name;
  element("call-language").textContent = spoken ? `speaks ${spoken}` : "";
  element("sentences").replaceChildren(...sentences.map((text) => make("li", { lang: language }, [text])));
  element("suggestions").hidden = sentences.length === 0;
  element("people").replaceChildren();
  setMuted(false);
  setConnection("connecting", "Connecting");
  show("call");
  try {
    const address = joinAddress(location.origin, room, token);
    await checkAdmission(address);
    if (call !== own) return; // left meanwhile
    const sound = await Sound.open({
      unaltered: element("headphones").checked,
      onFrame: (samples) => speak(own, samples),
    }).catch((error) => {
      throw new Refused(microphoneRefused(error));
    });
    if (call !== own) {
      await sound.close();
      return;
    }
    own.sound = sound;
    sound.muted = own.muted;
    own.room = new Room(address, name, {
      joined: (id) => {
        own.id = id;
        setConnection("connected", "Connected");
        if (own.muted) own.room.mute(true);
        else tabs.postMessage({ speaking: name });
      },
      roster: (participants) => showPeople(own, participants),
      audio: (bytes) => hear(own, bytes),
      ended: (problem) => end(own, problem),
    });
    requestAnimationFrame(() => drawMeters(own));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    end(own, error);
  }
}

function end(own, problem) {
  own.sound?.close();
  if (call !== own) return;
  call = null;
  show("lobby");
  showProblem(problem);
  if (!problem) say("You left the room.");
  showInvitations();
}

element("leave").addEventListener("click", () => {
  const own = call;
  if (!own) return;
  own.room?.leave();
  end(own, null);
});

addEventListener("pagehide", () => call?.room?.leave());

// --- speaking and hearing ----------------------------------------------------------------------------

function speak(own, samples) {
  own.microphone = own.muted ? 0 : Math.max(own.microphone, meterFill(samples));
  if (!own.muted) own.room?.send(toPcm16(samples));
}

function hear(own, bytes) {
  const samples = fromPcm16(bytes);
  own.heard = Math.max(own.heard, meterFill(samples));
  own.sound.play(samples);
}

function mute(muted, notice = "") {
  if (!call || call.muted === muted) return;
  setMuted(muted);
  setNotice(notice);
  say(notice || (muted ? "Muted." : "Unmuted."));
  if (call.sound) call.sound.muted = muted;
  call.room?.mute(muted);
  if (!muted) tabs.postMessage({ speaking: call.name });
}

element("mute").addEventListener("click", () => mute(!call?.muted));

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea");
  if (event.key.toLowerCase() !== "m" || event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing) return;
  mute(!call?.muted);
});

tabs.onmessage = ({ data }) => {
  mute(true, `Muted: ${data.speaking} uses the microphone in another tab now.`);
};

// --- showing ---------------------------------------------------------------------------------------------

function showPeople(own, participants) {
  const people = arrange(participants, own.id);
  say(changes(own.people, people));
  own.people = people;
  element("people").replaceChildren(
    ...people.map((one) =>
      make("li", { className: "person" }, [
        make("span", { className: "face", ariaHidden: "true" }, [initials(one.name)]),
        make("span", { className: "who" }, [one.name, one.kind === "you" && make("small", {}, ["you"])]),
        make("span", { className: "doing" }, [one.muted ? "muted" : one.speaking ? "speaking" : ""]),
      ]),
    ),
  );
  for (const [row, one] of people.entries()) {
    const item = element("people").children[row];
    item.dataset.speaking = one.speaking;
    item.dataset.kind = one.kind;
  }
}

function drawMeters(own) {
  if (call !== own) return;
  for (const [name, level] of [["microphone", own.microphone], ["heard", own.heard]]) {
    element(`${name}-level`).style.transform = `scaleX(${level.toFixed(3)})`;
    own[name] = Math.max(0, level - 0.04); // falls to zero within half a second
  }
  requestAnimationFrame(() => drawMeters(own));
}

function setMuted(muted) {
  call.muted = muted;
  element("mute").dataset.muted = muted;
  element("mute-label").textContent = muted ? "Unmute" : "Mute";
}

function setConnection(state, text) {
  element("connection").dataset.state = state;
  element("connection").textContent = text;
  say(text);
}

function setNotice(text) {
  element("notice").textContent = text;
  element("notice").hidden = !text;
}

function showProblem(problem) {
  element("problem").hidden = !problem;
  element("problem-title").textContent = problem?.title ?? "";
  element("problem-advice").textContent = problem?.advice ?? "";
}

function show(section) {
  element("lobby").hidden = section !== "lobby";
  element("call").hidden = section !== "call";
  element("lead").hidden = section === "call";
  element("title").textContent = section === "call" ? "In the room" : "Join a room";
  document.title = `${section === "call" ? call.name : "Join a room"} · emulator`;
  element(`${section}-title`).focus(); // the element with the focus is hidden now
}

/** Announce a text to screen readers. */
function say(text) {
  if (text) element("spoken-state").textContent = text;
}

function make(tag, properties = {}, children = []) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter(Boolean));
  return node;
}

showInvitations();
