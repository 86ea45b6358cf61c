import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeFrame } from "../../../listeners/pages/modules/frames.js";
import { FrameNumbers, meterOf, microphoneProblem } from "../../../listeners/pages/modules/microphone.js";

test("the meter goes by loudness", () => {
  assert.equal(meterOf(0), 0);
  assert.equal(meterOf(1), 1);
  assert.ok(Math.abs(meterOf(10 ** (-33 / 20)) - 0.5) < 1e-9);
});

test("frames are numbered from 0 with each connection", () => {
  const numbers = new FrameNumbers();
  const sequences = () => [0, 1].map(() => decodeFrame(numbers.frame(new Float32Array(480), 5)).sequence);
  assert.deepEqual(sequences(), [0, 1]);
  assert.deepEqual(sequences(), [2, 3]);
  numbers.restart();
  assert.deepEqual(sequences(), [0, 1]);
});

test("why there is no microphone", () => {
  const named = (name) => microphoneProblem(Object.assign(new Error(), { name }));
  assert.equal(named("NotAllowedError"), "denied");
  assert.equal(named("NotFoundError"), "none");
  assert.equal(named("NotReadableError"), "busy");
  assert.equal(microphoneProblem(new TypeError()), "insecure");
});
