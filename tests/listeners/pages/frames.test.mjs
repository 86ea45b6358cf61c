import assert from "node:assert/strict";
import { test } from "node:test";

import { AFTER_PAUSE, OPUS, PCM16, decodeFrame, encodeFrame, pcmOf, samplesOf } from "../../../listeners/pages/modules/frames.js";

test("a frame has the header of the contract, big-endian", () => {
  const frame = new Uint8Array(
    encodeFrame({ format: OPUS, flags: 0x0102, sequence: 0x01020304, timestampMs: 1_700_000_000_000.5 }, Uint8Array.of(9, 8)),
  );
  const us = 1_700_000_000_000_500n;
  const stamp = Array.from({ length: 8 }, (_, n) => Number((us >> BigInt(8 * (7 - n))) & 255n));
  assert.deepEqual([...frame], [1, 2, 1, 2, 1, 2, 3, 4, ...stamp, 9, 8]);
});

test("what was encoded is decoded", () => {
  const payload = Uint8Array.from({ length: 960 }, (_, n) => n & 255);
  const header = { format: PCM16, flags: AFTER_PAUSE, sequence: 2 ** 32 - 1, timestampMs: 1_700_000_000_123.456 };
  const { payload: decoded, ...rest } = decodeFrame(encodeFrame(header, payload));
  assert.deepEqual([...decoded], [...payload]);
  assert.deepEqual(rest, header);
});

test("a frame of another version, or without sound, is none", () => {
  const frame = encodeFrame({ sequence: 1, timestampMs: 0 }, Uint8Array.of(1, 2));
  new Uint8Array(frame)[0] = 2;
  assert.equal(decodeFrame(frame), null);
  assert.equal(decodeFrame(new ArrayBuffer(16)), null);
  assert.equal(decodeFrame(new ArrayBuffer(0)), null);
});

test("samples are little-endian, and too loud ones are cut", () => {
  assert.deepEqual([...pcmOf(Float32Array.of(0, 1, -1, 2, -2))], [0, 0, 255, 127, 1, 128, 255, 127, 1, 128]);
  assert.deepEqual([...samplesOf(Uint8Array.of(0, 64, 0, 192))], [0.5, -0.5]);
  // A view that begins at an odd byte, as payloads behind a header may.
  assert.deepEqual([...samplesOf(new Uint8Array(Uint8Array.of(7, 0, 64).buffer, 1))], [0.5]);
});
