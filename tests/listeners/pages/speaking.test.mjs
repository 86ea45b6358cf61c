import assert from "node:assert/strict";
import { test } from "node:test";

import { audienceOf, deskOf, readTicket, sessionOf, ticketOf } from "../../../listeners/pages/modules/speaking.js";

const encoded = (claims) => Buffer.from(JSON.stringify(claims)).toString("base64url");

test("a ticket names its room and its expiry", () => {
  const ticket = `v1.${encoded({ p: "speak", r: "room-ü", x: 1000, u: "p-1" })}.c2ln`;
  assert.equal(readTicket(ticket).expiresMs, 1_000_000);
  assert.equal(ticketOf(`#ticket=${ticket}`), ticket);
});

for (const wrong of [
  "",
  "v1",
  "v1..sig",
  "v1.!!!.sig",
  `v2.${encoded({ p: "speak", r: "r", x: 1 })}.sig`,
  `v1.${encoded({ p: "captions", r: "r", x: 1 })}.sig`,
  `v1.${encoded({ p: "speak", x: 1 })}.sig`,
  `v1.${encoded({ p: "speak", r: "r", x: 1 })}.`,
]) {
  test(`"${wrong.slice(0, 24)}" is no ticket to speak`, () => assert.equal(readTicket(wrong), null));
}

test("an address without a ticket has none", () => assert.equal(ticketOf("#other=1"), null));

test("the large button does what comes next", () => {
  const actions = [["created", "off"], ["created", "opening"], ["active", "on"], ["active", "paused"], ["active", "lost"], ["ended", "off"]];
  assert.deepEqual(actions.map((given) => deskOf(...given).action), ["start", null, "pause", "resume", "pause", null]);
});

test("one can stop as soon as the microphone is asked for, and no more once the lecture has ended", () => {
  assert.deepEqual([deskOf("created", "off"), deskOf("created", "opening"), deskOf("ended", "on")].map(({ canStop }) => canStop), [false, true, false]);
});

test("whether the speaker or the organiser has paused is told apart", () => {
  assert.deepEqual([deskOf("active", "paused").hint, deskOf("paused", "on").hint], ["paused", "held"]);
  assert.equal(deskOf("active", "paused").state, "paused");
});

test("who commands a session ends it at any time, and goes on with one that is paused", () => {
  const found = [["created", "off"], ["paused", "off"], ["paused", "on"], ["ended", "off"]].map((given) => deskOf(...given, true));
  assert.deepEqual(found.map(({ action }) => action), ["start", "resume", "resume", null]);
  assert.deepEqual(found.map(({ canStop }) => canStop), [true, true, true, false]);
  assert.deepEqual(["?session=042117", "?x=1", ""].map(sessionOf), ["042117", null, null]);
});

test("listeners are shown by language, most first, none of nobody", () => {
  assert.deepEqual(audienceOf({ "de-DE": 2, "es-ES": 9, "fr-FR": 0, ar: 2 }), [["es-ES", 9], ["ar", 2], ["de-DE", 2]]);
  assert.deepEqual(audienceOf(undefined), []);
});
