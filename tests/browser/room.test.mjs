import assert from "node:assert/strict";
import { test } from "node:test";

import { closing, microphoneRefused, refusal } from "../../emulator/page/refusals.js";
import { checkAdmission, joinAddress, Refused, Room } from "../../emulator/page/room.js";

class FakeSocket {
  static last;
  readyState = 0;
  bufferedAmount = 0;
  sent = [];

  constructor(url) {
    this.url = String(url);
    FakeSocket.last = this;
  }

  open() {
    this.readyState = 1;
    this.onopen();
  }

  send(data) {
    this.sent.push(data);
  }

  close(code, reason) {
    this.readyState = 3;
    this.onclose({ code, reason });
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

function joined() {
  const seen = { joined: [], roster: [], audio: [], ended: [] };
  const handlers = Object.fromEntries(Object.keys(seen).map((name) => [name, (value) => seen[name].push(value)]));
  const room = new Room("http://127.0.0.1:9100/emulator/rooms/1/join?token=t", "Ana", handlers, FakeSocket);
  FakeSocket.last.open();
  return { room, socket: FakeSocket.last, seen };
}

const answers = (status, body) => async () => ({ status, json: async () => body });

test("room and token are escaped in the address", () => {
  const url = joinAddress("http://127.0.0.1:9100", "a/b", "x+y&z");
  assert.equal(url.pathname, "/emulator/rooms/a%2Fb/join");
  assert.equal(url.searchParams.get("token"), "x+y&z");
});

test("the name is the first thing said, over ws", () => {
  const { socket } = joined();
  assert.ok(socket.url.startsWith("ws://127.0.0.1:9100/"));
  assert.deepEqual(JSON.parse(socket.sent[0]), { type: "hello", display_name: "Ana" });
});

test("what the room says reaches whom it concerns", () => {
  const { socket, seen } = joined();
  socket.say({ type: "joined", participant_id: "8:acs:1" });
  socket.say({ type: "roster", participants: [{ id: "8:acs:1" }] });
  socket.say({ type: "something new" });
  const frame = new ArrayBuffer(960);
  socket.onmessage({ data: frame });
  assert.deepEqual(seen, { joined: ["8:acs:1"], roster: [[{ id: "8:acs:1" }]], audio: [frame], ended: [] });
});

test("a slow network costs frames, not delay", () => {
  const { room, socket } = joined();
  room.send(new ArrayBuffer(960));
  socket.bufferedAmount = 960 * 13;
  room.send(new ArrayBuffer(960));
  assert.deepEqual([socket.sent.length, room.unsent], [2, 1]);
});

test("nothing is sent on a socket that is not open", () => {
  const { room, socket } = joined();
  socket.readyState = 2;
  room.send(new ArrayBuffer(960));
  room.mute(true);
  assert.equal(socket.sent.length, 1);
});

test("leaving is not a problem", () => {
  const { room, socket, seen } = joined();
  room.leave();
  assert.deepEqual(JSON.parse(socket.sent[1]), { type: "leave" });
  assert.deepEqual(seen.ended, [null]);
});

test("a call that ends otherwise says why", () => {
  const first = joined();
  first.socket.close(1000, "replaced");
  assert.match(first.seen.ended[0].title, /another tab/);
  const second = joined();
  second.socket.say({ type: "error", error: { code: "CallFull", message: "A call takes 350 participants." } });
  second.socket.close(1003, "CallFull");
  assert.match(second.seen.ended[0].advice, /350/);
  const third = joined();
  third.socket.close(1006, "");
  assert.match(third.seen.ended[0].title, /connection was lost/);
});

test("admission: 400 only means that a plain request is no socket", async () => {
  await checkAdmission("http://x/", answers(400, {}));
});

test("each refusal says what to do", async () => {
  const refused = async (status, message) => {
    try {
      await checkAdmission("http://x/", answers(status, { error: { code: "c", message } }));
    } catch (error) {
      assert.ok(error instanceof Refused);
      return `${error.title}. ${error.advice}`;
    }
    assert.fail("was let in");
  };
  assert.match(await refused(401, "the token was revoked"), /not valid.*Reload/);
  assert.match(await refused(403, "the user is not invited to this room"), /may not.*The user is not invited to this room\.$/);
  assert.match(await refused(404, "x"), /does not exist/);
  assert.match(await refused(500, ""), /answered 500/);
});

test("an emulator that is gone is named as that", async () => {
  const gone = async () => {
    throw new TypeError("Failed to fetch");
  };
  await assert.rejects(checkAdmission("http://x/", gone), (error) => /does not answer/.test(error.title));
});

test("an answer that is no JSON is a refusal all the same", async () => {
  const garbled = async () => ({ status: 403, json: async () => JSON.parse("<html>") });
  await assert.rejects(checkAdmission("http://x/", garbled), Refused);
});

test("each way to have no microphone has its own words", () => {
  const titles = ["NotAllowedError", "NotFoundError", "NotReadableError", "Other"].map(
    (name) => microphoneRefused({ name }).title,
  );
  assert.equal(new Set(titles).size, 4);
});

test("every text has a title and something to do", () => {
  for (const one of [refusal(401), refusal(404), refusal(418), closing("", 1006), closing("call ended", 1000)]) {
    assert.ok(one.title && one.advice);
  }
});
