import assert from "node:assert/strict";
import { test } from "node:test";

import { Hearing } from "../../../listeners/pages/modules/hearing.js";

const me = (id) => id === "me";
const suppress = (speaker_id, atMs = 0, language = "es-ES") => ({ type: "suppress_original", speaker_id, language, at_us: atMs * 1000 });
const restore = (speaker_id, atMs = 0, language = "es-ES") => ({ type: "restore_original", speaker_id, language, at_us: atMs * 1000 });
const frame = (timestampMs, flags = 0) => ({ timestampMs, flags });

test("the balance goes from the floor alone to the interpretation alone", () => {
  const gains = [0, 0.25, 0.5, 0.75, 1].map((balance) => new Hearing({ language: "es-ES", balance }).gains);
  assert.deepEqual(gains.map(({ floor }) => floor), [1, 1, 1, 0.5, 0]);
  assert.deepEqual(gains.map(({ language }) => language), [0, 0.5, 1, 1, 1]);
});

test("the floor is ducked while an interpretation into this language plays, until the last of two ends", () => {
  const hearing = new Hearing({ language: "es-ES" });
  assert.equal(hearing.signal(suppress("ana", 0, "fr-FR")), false);
  assert.equal(hearing.gains.floor, 1);
  hearing.signal(suppress("ana"));
  hearing.signal(suppress("bo"));
  assert.ok(hearing.gains.floor < 0.2);
  hearing.signal(restore("ana"));
  assert.ok(hearing.gains.floor < 0.2);
  hearing.signal(restore("bo"));
  assert.equal(hearing.gains.floor, 1);
});

test("a lost connection does not leave the floor ducked, nor the interpreter silent", () => {
  const hearing = new Hearing({ language: "es-ES", isMe: me });
  hearing.signal(suppress("ana"));
  hearing.signal(suppress("me", 100));
  hearing.reset();
  assert.deepEqual(hearing.gains, { floor: 1, language: 1 });
  assert.equal(hearing.accepts(frame(150)), true);
});

test("one's own interpretation is never played, and the next one's is", () => {
  const hearing = new Hearing({ language: "es-ES", isMe: me, balance: 1 });
  assert.equal(hearing.accepts(frame(999)), true);
  hearing.signal(suppress("me", 1000));
  assert.equal(hearing.gains.language, 0);
  assert.equal(hearing.gains.floor, 0);
  assert.equal(hearing.accepts(frame(999)), true);
  assert.equal(hearing.accepts(frame(1000)), false);
  assert.equal(hearing.accepts(frame(5000)), false);
  hearing.signal(restore("me", 3000));
  assert.equal(hearing.gains.language, 1);
  assert.equal(hearing.accepts(frame(2980)), false);
  assert.equal(hearing.accepts(frame(3000)), true);
});

test("voices that the floor brings are left out of the language channel while the floor is audible", () => {
  const ownVoices = frame(0, 1);
  assert.equal(new Hearing({ language: "es-ES", balance: 0.5 }).accepts(ownVoices), false);
  assert.equal(new Hearing({ language: "es-ES", balance: 1 }).accepts(ownVoices), true);
  assert.equal(new Hearing({ language: "es-ES", balance: 0.5 }).accepts(frame(0)), true);
});
