import assert from "node:assert/strict";
import { test } from "node:test";

import { Access } from "../../../listeners/pages/modules/access.js";

function served(answers = {}) {
  const sent = [];
  let nowMs = 0;
  const send = async (path, body) => {
    sent.push([path, body]);
    return {
      room_id: "r1",
      name: "Board",
      languages: ["en-US", "es-ES"],
      ticket: `t${sent.length}`,
      expires_on: new Date(nowMs + 900_000).toISOString(),
      ...answers,
    };
  };
  return { sent, send, now: () => nowMs, pass: (ms) => (nowMs += ms) };
}

test("a ticket is asked for once, and again shortly before it expires", async () => {
  const world = served();
  const access = new Access("123456", world);
  assert.equal(await access.ticket("captions"), "t1");
  world.pass(860_000);
  assert.equal(await access.ticket("captions"), "t1");
  world.pass(20_000);
  assert.equal(await access.ticket("captions"), "t2");
  assert.deepEqual(world.sent[0], ["/api/join/123456", { purpose: "captions" }]);
  assert.equal(access.room.name, "Board");
});

test("each purpose and language has a ticket of its own; a refused one is replaced", async () => {
  const world = served();
  const access = new Access("123456", world);
  assert.equal(await access.ticket("audio", { language: "es-ES" }), "t1");
  assert.equal(await access.ticket("audio", { language: "en-US" }), "t2");
  assert.equal(await access.ticket("audio", { language: "es-ES" }), "t1");
  assert.equal(await access.ticket("audio", { language: "es-ES", fresh: true }), "t3");
  assert.deepEqual(world.sent[0][1], { purpose: "audio", language: "es-ES" });
});

test("a speaker has one ticket for everything, and comes back as the same person", async () => {
  const world = served({ participant_id: "p1", guest_key: "k1" });
  const person = { display_name: "Ana", speaks: "es-ES", hears: "en-US" };
  const access = new Access("123456", { ...world, person });
  assert.equal(await access.ticket("captions"), "t1");
  assert.equal(await access.ticket("audio", { language: "en-US" }), "t1");
  assert.equal(await access.ticket("signaling", { fresh: true }), "t2");
  assert.deepEqual(world.sent[0][1], { purpose: "speak", ...person });
  assert.deepEqual(world.sent[1][1], { purpose: "speak", ...person, guest: { participant_id: "p1", guest_key: "k1" } });
});

test("a ticket of a link is used for everything, and cannot be renewed", async () => {
  const world = served();
  const access = new Access("123456", { ...world, person: {} });
  access.use("given", { room_id: "r9" });
  assert.equal(await access.ticket("captions"), "given");
  await assert.rejects(access.ticket("captions", { fresh: true }), { code: "forbidden" });
  assert.deepEqual(world.sent, []);
});

test("who has another name gets the next ticket under it", async () => {
  const world = served();
  const access = new Access("123456", { ...world, person: { display_name: "Ana" } });
  access.rename("Anita");
  await access.ticket("captions");
  assert.equal(world.sent[0][1].display_name, "Anita");
});
