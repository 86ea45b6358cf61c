import assert from "node:assert/strict";
import { test } from "node:test";

import { CaptionLines, original } from "../../../listeners/pages/modules/captions.js";

const caption = (utterance, revision, text, more = {}) => ({
  event: "caption",
  utterance_id: utterance,
  revision,
  speaker_id: "a",
  speaker_name: "Ana",
  language: "en-US",
  text,
  is_final: false,
  timestamp_ms: 1000,
  ...more,
});

test("a higher revision replaces a lower one, and a final is the last", () => {
  const lines = new CaptionLines();
  assert.equal(lines.apply(caption("u1", 1, "Hel")).isNew, true);
  assert.equal(lines.apply(caption("u1", 3, "Hello all")).isNew, false);
  assert.equal(lines.apply(caption("u1", 2, "Hello")), null);
  assert.equal(lines.apply(caption("u1", 3, "Hello again")), null);
  lines.apply(caption("u1", 4, "Hello all.", { is_final: true }));
  assert.equal(lines.apply(caption("u1", 5, "changed")), null);
  assert.deepEqual(lines.lines.map((line) => line.texts.get("en-US").text), ["Hello all."]);
});

test("languages of an utterance are one line, each with its own revisions", () => {
  const lines = new CaptionLines();
  lines.apply(caption("u1", 5, "Hello.", { is_final: true, original: true }));
  lines.apply(caption("u1", 1, "Hola", { language: "es-ES" }));
  assert.equal(lines.lines.length, 1);
  assert.equal(lines.lines[0].texts.get("es-ES").text, "Hola");
  assert.equal(original(lines.lines[0]).language, "en-US");
});

test("the position is that of the last message, whether it changed anything or not", () => {
  const lines = new CaptionLines();
  lines.apply(caption("u1", 2, "x", { position: "7" }));
  lines.apply(caption("u1", 1, "x", { position: "8" }));
  assert.equal(lines.position, "8");
});

test("the oldest lines go, and what is left of them makes no new ones of others", () => {
  const lines = new CaptionLines(3);
  for (let n = 0; n < 5; n += 1) lines.apply(caption(`u${n}`, 1, String(n)));
  assert.deepEqual(lines.lines.map((line) => line.id), ["u2", "u3", "u4"]);
});

test("the transcript has finals, in a language or else in the original, one line each", () => {
  const lines = new CaptionLines();
  lines.apply(caption("u1", 1, "Hello.", { is_final: true, original: true }));
  lines.apply(caption("u1", 1, "Hola.", { is_final: true, language: "es-ES" }));
  lines.apply(caption("u2", 1, "Bye\n[x] Eva: no", { is_final: true, original: true, speaker_name: "Bo\u202E" }));
  lines.apply(caption("u3", 1, "unfinished", { original: true }));
  assert.equal(lines.transcript("es-ES", String), "[1000] Ana: Hola.\n[1000] Bo: Bye [x] Eva: no\n");
});
