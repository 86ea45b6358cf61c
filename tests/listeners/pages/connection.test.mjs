import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection, afterClose, delayBefore } from "../../../listeners/pages/modules/connection.js";

class FakeSocket {
  constructor(address) {
    Object.assign(this, { address, sent: [], readyState: 1, bufferedAmount: 0 });
  }
  send(data) {
    this.sent.push(typeof data === "string" ? JSON.parse(data) : data);
  }
  close(code) {
    Object.assign(this, { readyState: 3, code });
  }
  says(message) {
    this.onmessage({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }
  hears(buffer) {
    this.onmessage({ data: buffer });
  }
  closes(code, reason = "") {
    this.readyState = 3;
    this.onclose({ code, reason });
  }
}

class Timers {
  constructor() {
    this.nowMs = 0;
    this.waiting = new Map();
    this.last = 0;
  }
  set = (ms, work) => (this.waiting.set((this.last += 1), { at: this.nowMs + ms, work }), this.last);
  clear = (timer) => this.waiting.delete(timer);
  now = () => this.nowMs;
  async pass(ms) {
    const end = this.nowMs + ms;
    for (;;) {
      const due = [...this.waiting].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.waiting.delete(due[0]);
      this.nowMs = due[1].at;
      due[1].work();
      await settled();
    }
    this.nowMs = end;
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

async function connected({ url = async () => "ws://here" } = {}) {
  const world = { sockets: [], states: [], messages: [], audio: [], asked: [], timers: new Timers() };
  world.connection = new Connection({
    url: (options) => (world.asked.push(options), url(options, world)),
    onMessage: (message) => world.messages.push(message),
    onAudio: (buffer) => world.audio.push(buffer),
    onState: (state, detail) => world.states.push([state, detail]),
    socket: (address) => (world.sockets.push(new FakeSocket(address)), world.sockets.at(-1)),
    timers: world.timers,
    random: () => 1,
  });
  world.connection.start();
  await settled();
  world.last = () => world.sockets.at(-1);
  return world;
}

const HELLO = { event: "hello", heartbeat_ms: 10_000 };

test("delays double up to 15 s, half of each by chance", () => {
  assert.deepEqual([0, 1, 2, 3].map((n) => delayBefore(n, () => 1)), [400, 800, 1600, 3200]);
  assert.equal(delayBefore(99, () => 1), 15_000);
  assert.equal(delayBefore(0, () => 0), 200);
});

test("what follows from a close", () => {
  assert.deepEqual(afterClose(4002), { stop: "room_ended" });
  assert.deepEqual(afterClose(4004), { stop: "replaced" });
  assert.deepEqual(afterClose(4001, "expired"), { fresh: true });
  assert.deepEqual(afterClose(4001, "overloaded"), { fresh: false });
  assert.deepEqual(afterClose(4001, "language"), { stop: "language" });
  for (const code of [1006, 1008, 1011, 1012, 4003]) assert.deepEqual(afterClose(code), { fresh: false });
});

test("it is open once the server has said hello, and answers heartbeats with the same number", async () => {
  const world = await connected();
  assert.equal(world.connection.state, "connecting");
  world.last().says(HELLO);
  assert.equal(world.connection.state, "open");
  world.timers.nowMs = 1000;
  world.last().says({ event: "heartbeat", sent_ms: 5000, round_trip_ms: null });
  world.last().says({ type: "heartbeat", sent_ms: 5100, round_trip_ms: 40 });
  world.last().says({ event: "heartbeat", sent_ms: 9999, round_trip_ms: 400 });
  assert.deepEqual(world.last().sent, [
    { event: "heartbeat", sent_ms: 5000 },
    { type: "heartbeat", sent_ms: 5100 },
    { event: "heartbeat", sent_ms: 9999 },
  ]);
  assert.equal(world.connection.roundTripMs, 400);
  assert.equal(world.connection.clockOffsetMs, 4120); // by the quickest of them
  assert.deepEqual(world.messages, [HELLO]);
});

test("a lost connection is opened again, later each time, and from the beginning once it has worked", async () => {
  const world = await connected();
  for (const ms of [400, 800]) {
    world.last().closes(1006);
    assert.deepEqual(world.states.at(-1), ["waiting", { retryMs: ms, reason: "" }]);
    await world.timers.pass(ms);
  }
  world.last().says(HELLO);
  world.last().closes(1006);
  assert.equal(world.states.at(-1)[1].retryMs, 400);
});

test("draining: it comes back when it was told to", async () => {
  const world = await connected();
  world.last().says(HELLO);
  world.last().says({ event: "draining", reconnect_after_ms: 50 });
  world.last().closes(1012);
  assert.equal(world.states.at(-1)[1].retryMs, 50);
  await world.timers.pass(50);
  assert.equal(world.sockets.length, 2);
});

test("a refused ticket is replaced by a new one, once", async () => {
  const world = await connected();
  world.last().closes(4001, "expired");
  await world.timers.pass(400);
  world.last().says(HELLO);
  world.last().closes(1006);
  await world.timers.pass(400);
  assert.deepEqual(world.asked, [{ fresh: false }, { fresh: true }, { fresh: false }]);
});

test("the end of the room, and a newer microphone, are final", async () => {
  for (const [code, reason] of [[4002, "room_ended"], [4004, "replaced"]]) {
    const world = await connected();
    world.last().says(HELLO);
    world.last().closes(code);
    await world.timers.pass(60_000);
    assert.deepEqual(world.states.at(-1), ["stopped", { reason }]);
    assert.equal(world.sockets.length, 1);
  }
});

test("a peer that says nothing for two and a half heartbeats is gone", async () => {
  const world = await connected();
  world.last().says(HELLO);
  await world.timers.pass(24_999);
  assert.equal(world.connection.state, "open");
  await world.timers.pass(1);
  assert.equal(world.connection.state, "waiting");
  assert.equal(world.sockets[0].code, 1000);
});

test("late events of an earlier socket change nothing", async () => {
  const world = await connected();
  const [first] = world.sockets;
  world.connection.restart();
  await settled();
  first.says(HELLO);
  first.closes(4002);
  assert.equal(world.connection.state, "connecting");
  world.last().says(HELLO);
  assert.equal(world.connection.state, "open");
});

test("no ticket: it waits as long as it was told, and stops where no attempt can help", async () => {
  const busy = Object.assign(new Error(), { status: 429, code: "rate_limited", retryAfterMs: 7000 });
  const world = await connected({ url: async () => Promise.reject(busy) });
  assert.deepEqual(world.states.at(-1), ["waiting", { retryMs: 7000, reason: "rate_limited" }]);
  const gone = await connected({ url: async () => Promise.reject(Object.assign(new Error(), { status: 404, code: "not_found" })) });
  assert.deepEqual(gone.states.at(-1), ["stopped", { reason: "not_found" }]);
});

test("what it sends goes out only while it is open, and sound only while little of it waits", async () => {
  const world = await connected();
  assert.equal(world.connection.send({ event: "mute" }), false);
  world.last().says(HELLO);
  assert.equal(world.connection.send({ event: "mute" }), true);
  assert.equal(world.connection.sendAudio(new ArrayBuffer(4)), true);
  world.last().bufferedAmount = 70_000;
  assert.equal(world.connection.sendAudio(new ArrayBuffer(4)), false);
  assert.equal(world.last().sent.length, 2);
});

test("sound is handed on; text that is no JSON disturbs nothing", async () => {
  const world = await connected();
  world.last().says(HELLO);
  world.last().hears(new ArrayBuffer(20));
  world.last().says("{");
  world.last().says({ event: "of a later version" });
  assert.equal(world.audio.length, 1);
  assert.equal(world.messages.length, 2);
  assert.equal(world.connection.state, "open");
});

test("stopped is stopped", async () => {
  const world = await connected();
  world.connection.stop();
  world.connection.stop("again");
  world.connection.restart();
  await world.timers.pass(60_000);
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(world.states.filter(([state]) => state === "stopped"), [["stopped", { reason: "left" }]]);
});

test("paused, it waits for nothing until it is started again", async () => {
  const world = await connected();
  world.last().says(HELLO);
  world.connection.pause();
  await world.timers.pass(60_000);
  assert.equal(world.sockets.length, 1);
  world.connection.start();
  await settled();
  assert.equal(world.sockets.length, 2);
});
