import assert from "node:assert/strict";
import { test } from "node:test";

import {
  allowedActions,
  languageTag,
  laneRows,
  ledgerOf,
  linksOf,
  middleOf,
  namesOf,
  newRoomBody,
  termsOf,
  toneOf,
} from "../../../listeners/pages/modules/console/model.js";

const ROOM = {
  join_code: "042117",
  participants: [
    { participant_id: "p-1", acs_user_id: "8:acs:ana", display_name: "Ana" },
    { participant_id: "p-2", acs_user_id: null, display_name: "Luis" },
  ],
};
const NAMES = namesOf(ROOM);
const LANE = { speaker_id: "8:acs:ana", source: "en-US", target: "es-ES", state: "open", engine: "captions", reason: "quota", waiting: 2 };

test("a person is known by every id of theirs", () => {
  assert.deepEqual(["8:acs:ana", "p-1", "web:p-2"].map((id) => NAMES.get(id)), ["Ana", "Ana", "Luis"]);
  assert.equal(NAMES.has(null), false);
});

test("the middle of spans is one of them, the lower of two; of none it is null", () => {
  assert.equal(middleOf([900, 100, 500]), 500);
  assert.equal(middleOf([900, 100]), 100);
  assert.equal(middleOf([]), null);
  assert.equal(middleOf(null), null);
});

test("a lane shows the middle span of its last five utterances", () => {
  const [row] = laneRows({ lanes: [{ ...LANE, ear_voice_spans_ms: [9000, 9000, 9000, 1, 2, 3, 4, 5] }] }, NAMES);
  assert.equal(row.spanMs, 3);
  assert.equal(row.speaker, "Ana");
  assert.equal(row.reason, "quota");
});

test("a lane of another replica, and of somebody who is not on the roster, is shown all the same", () => {
  const [row] = laneRows({ lanes: [{ ...LANE, speaker_id: "4:+15551234567", ear_voice_spans_ms: null, waiting: null }] }, NAMES);
  assert.deepEqual([row.speaker, row.spanMs, row.waiting], ["4:+15551234567", null, null]);
});

test("the ledger counts final states and lists utterances, the newest first, with their text", () => {
  const entry = (id, state, at, more = {}) => ({
    utterance_id: id, speaker_id: "p-2", source: "es-ES", target: "en-US", state, reason: "", kind: "utterance",
    closed_at_ms: at, ear_voice_span_ms: 1000, faults: [], ...more,
  });
  const { counts, rows } = ledgerOf(
    {
      items: [{ utterance_id: "a", language: "en-US", text: "Hello" }],
      passages: [
        entry("a", "spoken", 1),
        entry("b", "abandoned", 3, { reason: "model_backlog" }),
        entry("c", "spoken", 2, { kind: "announcement" }),
      ],
    },
    NAMES,
  );
  assert.deepEqual(counts, { spoken: 1, caption_only: 0, not_needed: 0, abandoned: 1 });
  assert.deepEqual(rows.map(({ key, text, reason }) => [key, text, reason]), [["b en-US", "", "model_backlog"], ["a en-US", "Hello", ""]]);
});

test("only what the state of an interpreter allows can be asked of it", () => {
  const able = (status) => Object.entries(allowedActions(status)).flatMap(([action, can]) => (can ? [action] : []));
  assert.deepEqual(able("idle"), ["start"]);
  assert.deepEqual(able("interpreting"), ["stop", "pause", "hush"]);
  assert.deepEqual(able("paused"), ["stop", "resume"]);
  assert.deepEqual(able("stopping"), []);
  assert.deepEqual(able("failed"), ["start"]);
});

test("every state has a tone, an unknown one none", () => {
  assert.deepEqual(["interpreting", "paused", "failed", "of a later version"].map(toneOf), ["good", "floor", "problem", ""]);
});

const FORM = { name: "Board", languages: ["en-US", "es-ES"], mode: "", media: "acs", guests: true, participants: [] };

test("a room is created with what was chosen, and defaults are left to the service", () => {
  assert.deepEqual(newRoomBody(FORM), { name: "Board", languages: ["en-US", "es-ES"] });
  const body = newRoomBody({
    ...FORM,
    mode: "simultaneous",
    media: "web",
    guests: false,
    participants: [
      { name: "Ana", role: "Presenter", speaks: "en-US", hears: "" },
      { name: " ", role: "Presenter", speaks: "auto", hears: "" },
    ],
  });
  assert.deepEqual(body, {
    name: "Board",
    languages: ["en-US", "es-ES"],
    mode: "simultaneous",
    media: "web",
    settings: { guests: false },
    participants: [{ display_name: "Ana", role: "Presenter", speaks: "en-US" }],
  });
});

test("links have the code and no secret", () => {
  assert.deepEqual(linksOf(ROOM, "https://a.example"), {
    join: "https://a.example/join/042117",
    listen: "https://a.example/listen/042117",
  });
});

test("terms are trimmed; empty ones and empty translations are left out", () => {
  const rows = [
    { term: " Contoso ", translations: { "es-ES": " ", "de-DE": "" } },
    { term: "", translations: { "es-ES": "nada" } },
    { term: "booth", translations: { "es-ES": " cabina " } },
  ];
  assert.deepEqual(termsOf(rows), [
    { term: "Contoso", translations: {} },
    { term: "booth", translations: { "es-ES": "cabina" } },
  ]);
});

test("a language is written as BCP 47 writes it, and nothing else is one", () => {
  assert.deepEqual(["de-de", " zh-hans-cn ", "english please", "", "<b>"].map(languageTag), ["de-DE", "zh-Hans-CN", null, null, null]);
});
