import assert from "node:assert/strict";
import { test } from "node:test";

import { Call } from "../../../listeners/pages/modules/call.js";
import { FrameNumbers } from "../../../listeners/pages/modules/microphone.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));

async function joined({ microphone = true, line = null } = {}) {
  const world = { sockets: {}, told: [], closed: 0 };
  globalThis.WebSocket = class {
    constructor(address) {
      Object.assign(this, { url: new URL(address), sent: [], readyState: 1, bufferedAmount: 0 });
      world.sockets[this.url.pathname.slice(1)] = this;
    }
    send(data) {
      this.sent.push(typeof data === "string" ? JSON.parse(data) : data);
    }
    close() {
      this.readyState = 3;
      world.closed += 1;
    }
    says(message) {
      this.onmessage({ data: JSON.stringify(message) });
    }
  };
  const access = {
    socketUrl: async (kind, query) => `ws://here/${query.language === "floor" ? "floor" : kind}?${new URLSearchParams(query)}`,
    rename: (name) => (world.renamed = name),
  };
  const noted = (name) => (...values) => world.told.push([name, ...values]);
  world.microphone = microphone ? { muted: true, numbers: new FrameNumbers(), close: () => (world.closedMicrophone = true) } : null;
  world.call = new Call({
    access,
    hears: "en-US",
    microphone: world.microphone,
    loudspeaker: null,
    line,
    format: "opus",
    balance: 0.5,
    after: () => "7",
    on: Object.fromEntries(["presence", "caption", "state", "accepted", "refused", "replaced"].map((name) => [name, noted(name)])),
  });
  world.call.start();
  await settled();
  world.open = () => {
    for (const [name, socket] of Object.entries(world.sockets)) {
      socket.says({ [name === "signaling" ? "type" : "event"]: "hello", members: [], heartbeat_ms: 10_000 });
    }
  };
  return world;
}

test("captions go on where they were, one audio socket carries language and microphone", async () => {
  const { sockets, call } = await joined();
  assert.deepEqual(Object.keys(sockets).sort(), ["audio", "captions", "signaling"]);
  assert.equal(sockets.captions.url.search, "?after=7");
  assert.equal(sockets.audio.url.search, "?language=en-US&format=opus");
  call.stop();
});

test("it is open once all sockets are", async () => {
  const { sockets, told, call } = await joined();
  const states = () => told.filter(([name]) => name === "state").map(([, state]) => state);
  sockets.captions.says({ event: "hello" });
  assert.ok(!states().includes("open"));
  sockets.audio.says({ event: "hello" });
  sockets.signaling.says({ type: "hello" });
  assert.equal(states().at(-1), "open");
  call.stop();
});

test("muting is told, again after a new hello, and frames are numbered from 0 there", async () => {
  const world = await joined();
  world.open();
  world.call.mute(false);
  assert.equal(world.microphone.muted, false);
  world.microphone.numbers.next = 5;
  world.sockets.audio.says({ event: "hello" });
  assert.equal(world.microphone.numbers.next, 0);
  assert.deepEqual(world.sockets.audio.sent, [{ event: "mute" }, { event: "unmute" }, { event: "unmute" }]);
  world.microphone.onFrame(new ArrayBuffer(3));
  assert.equal(world.sockets.audio.sent.at(-1).byteLength, 3);
  world.call.stop();
});

test("typed text, names, and what answers them", async () => {
  const world = await joined();
  assert.equal(world.call.say("too early", "c0"), false);
  world.open();
  assert.equal(world.call.say("Hello", "c1"), true);
  assert.deepEqual(world.sockets.captions.sent, [{ event: "message", text: "Hello", client_id: "c1" }]);
  world.sockets.captions.says({ event: "message_accepted", client_id: "c1" });
  world.sockets.captions.says({ event: "error", error: { code: "rate_limited" } });
  assert.deepEqual(world.told.slice(-2), [["accepted", "c1"], ["refused", { code: "rate_limited" }]]);
  world.call.rename("Anita");
  assert.equal(world.renamed, "Anita");
  assert.deepEqual(world.sockets.signaling.sent, [{ type: "username", name: "Anita" }]);
  world.call.stop();
});

test("signals of a lost connection do not hold", async () => {
  const world = await joined();
  world.open();
  world.sockets.signaling.says({ type: "suppress_original", speaker_id: "a", language: "en-US" });
  assert.ok(world.call.hearing.gains.floor < 1);
  world.sockets.signaling.onclose({ code: 1006, reason: "" });
  assert.equal(world.call.hearing.gains.floor, 1);
  world.call.stop();
});

test("a newer microphone of the same person takes this one's place; the end of the room ends it", async () => {
  const world = await joined();
  world.open();
  world.sockets.audio.onclose({ code: 4004, reason: "" });
  assert.deepEqual(world.told.at(-1), ["replaced"]);
  world.sockets.captions.onclose({ code: 4002, reason: "" });
  assert.deepEqual(world.told.at(-1), ["state", "stopped", { reason: "room_ended" }]);
  world.call.stop();
  assert.equal(world.closedMicrophone, true);
});

test("without microphone and loudspeaker it is read only", async () => {
  const { sockets, call } = await joined({ microphone: false });
  assert.deepEqual(Object.keys(sockets).sort(), ["captions", "signaling"]);
  call.stop();
});

test("in the call of an ACS room there is no audio socket, and muting is told there", async () => {
  const told = [];
  const line = { mute: (muted) => told.push(muted), close: () => told.push("closed") };
  const { sockets, call, microphone } = await joined({ line });
  assert.deepEqual(Object.keys(sockets).sort(), ["captions", "signaling"]);
  call.mute(false);
  assert.deepEqual([told, microphone.muted, call.muted], [[false], true, false]);
  call.stop();
  assert.equal(told.at(-1), "closed");
});
