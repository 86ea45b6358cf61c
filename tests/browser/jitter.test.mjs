import assert from "node:assert/strict";
import { test } from "node:test";

import { JitterBuffer } from "../../emulator/page/jitter.js";

const MS = 24; // samples
const BLOCK = 128; // what an AudioWorklet asks for

const numbered = (from, count) => Float32Array.from({ length: count }, (_, n) => from + n);
const pull = (buffer, count = BLOCK) => {
  const output = new Float32Array(count).fill(NaN);
  buffer.pull(output);
  return [...output];
};

test("nothing is played before 60 ms are there", () => {
  const buffer = new JitterBuffer();
  buffer.push(numbered(1, 20 * MS));
  buffer.push(numbered(1 + 20 * MS, 20 * MS));
  assert.ok(pull(buffer).every((sample) => sample === 0));
  buffer.push(numbered(1 + 40 * MS, 20 * MS));
  assert.deepEqual(pull(buffer), [...numbered(1, BLOCK)]);
});

test("what goes in comes out, in order, across pieces", () => {
  const buffer = new JitterBuffer();
  for (let n = 0; n < 5; n += 1) buffer.push(numbered(1 + n * 20 * MS, 20 * MS));
  const heard = [];
  while (buffer.held >= BLOCK) heard.push(...pull(buffer));
  assert.deepEqual(heard, [...numbered(1, heard.length)]);
  assert.equal(heard.length + buffer.held, 100 * MS);
});

test("running dry is heard as silence, counted, and waits for 60 ms again", () => {
  const buffer = new JitterBuffer();
  buffer.push(numbered(1, 60 * MS));
  pull(buffer, 60 * MS - 10);
  assert.deepEqual(pull(buffer, 20).slice(10), new Array(10).fill(0));
  assert.equal(buffer.underruns, 1);
  buffer.push(numbered(1, 20 * MS));
  assert.ok(pull(buffer).every((sample) => sample === 0));
});

test("an idle buffer does not count underruns", () => {
  const buffer = new JitterBuffer();
  for (let n = 0; n < 100; n += 1) pull(buffer);
  assert.equal(buffer.underruns, 0);
});

test("too much is cut back to 60 ms, oldest first, and counted", () => {
  const buffer = new JitterBuffer();
  for (let n = 0; n < 13; n += 1) buffer.push(numbered(1 + n * 20 * MS, 20 * MS)); // 260 ms
  assert.equal(buffer.held, 60 * MS);
  assert.equal(buffer.dropped, 200 * MS);
  assert.equal(pull(buffer)[0], 1 + 200 * MS);
});

test("a stream that keeps pace never drops and never runs dry", () => {
  const buffer = new JitterBuffer();
  let next = 1;
  let expected = 0;
  let samplesDue = 0;
  for (let n = 0; n < 2000; n += 1) {
    // Frames come in pairs every 40 ms: the network's doing.
    if (n % 2 === 0) for (let twice = 0; twice < 2; twice += 1, next += 20 * MS) buffer.push(numbered(next, 20 * MS));
    for (samplesDue += 20 * MS; samplesDue >= BLOCK; samplesDue -= BLOCK) {
      for (const sample of pull(buffer)) {
        if (sample !== 0) assert.equal(sample, (expected += 1));
      }
    }
  }
  assert.deepEqual([buffer.dropped, buffer.underruns], [0, 0]);
  assert.ok(expected > 1990 * 20 * MS);
});
