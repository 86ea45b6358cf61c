import assert from "node:assert/strict";
import { test } from "node:test";

import { Access } from "../../../listeners/pages/modules/access.js";
import { AcsLine, acsClientFor } from "../../../listeners/pages/modules/acs_line.js";

const ANSWER = { room_id: "r", name: "Board", languages: ["en-US"], media: "acs", ticket: "v1.t", expires_on: "2099-01-01T00:00:00Z", participant_id: "p", guest_key: "k" };
const CLIENT = "/pages/1/acs_client.js";

async function joined({ load, setMuted = async () => {} } = {}) {
  const world = { sent: [], asked: [], told: [], left: 0 };
  const person = { display_name: "Chen", speaks: "en-US", hears: "en-US" };
  const access = new Access("042117", { person, send: async () => ANSWER });
  const send = async (path, body, headers) => {
    world.sent.push([path, body, headers]);
    return { token: "acs token", acs_room_id: "991", acs_user_id: "8:acs:1" };
  };
  const joinRoom = async (seat) => {
    world.seat = seat;
    return {
      setMuted: async (muted) => {
        world.asked.push(muted);
        await setMuted(muted);
        seat.onMuted(muted);
      },
      leave: async () => (world.left += 1),
    };
  };
  world.loaded = [];
  const byDefault = async (address) => (world.loaded.push(address), { joinRoom });
  world.join = () => AcsLine.join({ client: CLIENT, access, microphone: { stream: "a stream" }, load: load ?? byDefault, send });
  return world;
}

test("the client is used in an ACS room, with a microphone, where the page has it; else sockets", () => {
  const [acs, web, microphone] = [{ media: "acs" }, { media: "web" }, {}];
  assert.equal(acsClientFor(acs, microphone, CLIENT), CLIENT);
  assert.equal(acsClientFor(acs, microphone, ""), null);
  assert.equal(acsClientFor(acs, microphone, undefined), null);
  assert.equal(acsClientFor(acs, null, CLIENT), null);
  assert.equal(acsClientFor(web, microphone, CLIENT), null);
  assert.equal(acsClientFor(undefined, microphone, CLIENT), null);
});

test("one joins with one's own ticket, name and microphone", async () => {
  const world = await joined();
  await world.join();
  assert.deepEqual(world.loaded, [CLIENT]);
  assert.deepEqual(world.sent, [["/api/join/042117/acs", undefined, { Authorization: "Bearer v1.t" }]]);
  const { token, roomId, displayName, microphone } = world.seat;
  assert.deepEqual({ token, roomId, displayName, microphone }, { token: "acs token", roomId: "991", displayName: "Chen", microphone: "a stream" });
});

test("without its file nobody gets an identity", async () => {
  const world = await joined({ load: () => Promise.reject(new TypeError("no such module")) });
  await assert.rejects(world.join(), TypeError);
  assert.deepEqual(world.sent, []);
});

test("of quick changes the last one holds, one after the other", async () => {
  const waiting = [];
  const world = await joined({ setMuted: () => new Promise((resolve) => waiting.push(resolve)) });
  const line = await world.join();
  line.onMuted = (muted) => world.told.push(muted);
  const settled = line.mute(false);
  for (const muted of [true, false, true]) line.mute(muted);
  assert.deepEqual(world.asked, [false]);
  waiting.shift()();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(world.asked, [false, true]);
  waiting.shift()();
  await settled;
  assert.deepEqual([world.asked, world.told], [[false, true], []], "nothing is shown in between");
});

test("what was refused, and who was muted by others, is told", async () => {
  let refuses = true;
  const world = await joined({ setMuted: () => (refuses ? Promise.reject(new Error("not allowed")) : undefined) });
  const line = await world.join();
  line.onMuted = (muted) => world.told.push(muted);
  await line.mute(false);
  assert.deepEqual(world.told, [true], "still muted");
  refuses = false;
  await line.mute(false);
  world.seat.onMuted(true);
  assert.deepEqual(world.told, [true, true]);
});

test("the end is told, and leaving a call that is over is no error", async () => {
  const world = await joined();
  const line = await world.join();
  line.onEnded = () => world.told.push("ended");
  world.seat.onEnded();
  assert.deepEqual(world.told, ["ended"]);
  line._call.leave = () => Promise.reject(new Error("over"));
  await line.close();
});
