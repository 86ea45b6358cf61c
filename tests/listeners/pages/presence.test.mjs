import assert from "node:assert/strict";
import { test } from "node:test";

import { Presence, stateShown } from "../../../listeners/pages/modules/presence.js";
import { setTexts } from "../../../listeners/pages/modules/i18n.js";

const ANA = { member_id: "m1", participant_id: "p1", speaker_id: "8:acs:ana", name: "Ana", speaks: "es-ES" };
const LUIS = { member_id: "m2", participant_id: "p2", speaker_id: "web:p2", name: "Luis", speaks: "en-US" };
const hello = (more = {}) => ({ type: "hello", member_id: "m1", members: [LUIS, ANA, { member_id: "m3" }], ...more });
const shown = (presence) => presence.people.map(({ name, speaking, muted }) => [name, speaking, muted].join(" "));

test("oneself first, listeners are no people", () => {
  const presence = new Presence();
  presence.apply(hello({ speaking: ["web:p2"], listener_count: 7 }));
  assert.deepEqual(shown(presence), ["Ana false false", "Luis true false"]);
  assert.equal(presence.people[0].isMe, true);
  assert.equal(presence.listeners, 7);
  assert.equal(presence.isMe("8:acs:ana"), true);
  assert.equal(presence.isMe(""), false);
  assert.equal(presence.isMe("web:p1"), false);
  assert.equal(presence.isMe("web:p2"), false);
});

test("people come, change and go", () => {
  const presence = new Presence();
  presence.apply(hello());
  presence.apply({ type: "joined", member: { member_id: "m4", participant_id: "p4", name: "Bo" } });
  presence.apply({ type: "renamed", member_id: "m2", name: "Luis O." });
  presence.apply({ type: "renamed", member: { ...ANA, name: "Anita" } });
  presence.apply({ type: "left", member: { member_id: "m4" } });
  assert.deepEqual(shown(presence), ["Anita false false", "Luis O. false false"]);
});

test("somebody with two tabs is shown once", () => {
  const presence = new Presence();
  presence.apply(hello({ members: [{ ...ANA, member_id: "m9" }, ANA, LUIS] }));
  assert.equal(presence.people.length, 2);
});

test("a speaker without a socket is shown by the name in the captions", () => {
  const presence = new Presence();
  presence.apply(hello());
  presence.name("8:acs:x", "Chen");
  presence.apply({ type: "speaking", speaker_id: "8:acs:x", speaking: true });
  assert.deepEqual(shown(presence).at(-1), "Chen true false");
  presence.apply({ type: "room", state: "paused" });
  assert.equal(presence.people.length, 2);
});

test("messages of a later version change nothing", () => {
  assert.equal(new Presence().apply({ type: "something" }), false);
});

test("one state is shown, and why only captions come", () => {
  const texts = { "state.behind": "{seconds} s behind", "reason.quota": "busy", "reason.other": "for now" };
  for (const state of ["created", "listening", "interpreting", "captions_only", "paused", "off", "ended"]) texts[`state.${state}`] = state;
  setTexts(texts);
  assert.equal(stateShown("created", { state: "listening" }).text, "created");
  assert.equal(stateShown("created", { state: "off" }).text, "created");
  assert.equal(stateShown("active").text, "listening");
  assert.equal(stateShown("active", { state: "behind", behind_ms: 4200 }).text, "4 s behind");
  assert.equal(stateShown("active", { state: "captions_only", reason: "quota" }).reason, "busy");
  assert.equal(stateShown("active", { state: "captions_only", reason: "new" }).reason, "for now");
  assert.equal(stateShown("paused", { state: "interpreting" }).text, "paused");
  assert.equal(stateShown("ended", { state: "interpreting" }).text, "ended");
});
