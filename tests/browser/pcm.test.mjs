import assert from "node:assert/strict";
import { test } from "node:test";

import { FRAME_SAMPLES, Framer, fromPcm16, meterFill, toPcm16 } from "../../emulator/page/pcm.js";

test("full scale is reached and never overstepped", () => {
  const view = new DataView(toPcm16(new Float32Array([0, 1, -1, 3, -3])));
  assert.deepEqual([0, 2, 4, 6, 8].map((at) => view.getInt16(at, true)), [0, 32767, -32768, 32767, -32768]);
});

test("samples are little-endian", () => {
  assert.deepEqual([...new Uint8Array(toPcm16(new Float32Array([-1])))], [0x00, 0x80]);
});

test("what was encoded is decoded to within half a step", () => {
  const samples = Float32Array.from({ length: 1000 }, (_, n) => Math.sin(n / 7) * 0.9);
  fromPcm16(toPcm16(samples)).forEach((sample, n) => assert.ok(Math.abs(sample - samples[n]) < 1 / 32000));
});

test("an odd last byte is not a sample", () => {
  assert.equal(fromPcm16(new ArrayBuffer(5)).length, 2);
});

test("frames have 20 ms, in order, whatever the pieces", () => {
  const framer = new Framer();
  const all = Float32Array.from({ length: 5 * FRAME_SAMPLES + 17 }, (_, n) => n);
  const frames = [];
  for (let at = 0, size = 1; at < all.length; at += size, size = (size * 7) % 1201) {
    frames.push(...framer.push(all.subarray(at, at + size)));
  }
  assert.equal(frames.length, 5);
  assert.deepEqual(Float32Array.from(frames.flatMap((frame) => [...frame])), all.subarray(0, 5 * FRAME_SAMPLES));
});

test("a frame that was handed out does not change any more", () => {
  const framer = new Framer();
  const [first] = framer.push(new Float32Array(FRAME_SAMPLES).fill(1));
  framer.push(new Float32Array(FRAME_SAMPLES).fill(2));
  assert.ok(first.every((sample) => sample === 1));
});

test("the meter goes from silence to full scale", () => {
  assert.equal(meterFill(new Float32Array(480)), 0);
  assert.equal(meterFill(new Float32Array(480).fill(1)), 1);
  assert.ok(Math.abs(meterFill(new Float32Array(480).fill(0.0316)) - 0.5) < 0.01); // -30 dB
  assert.equal(meterFill(new Float32Array(480).fill(0.0005)), 0); // -66 dB
});
