import assert from "node:assert/strict";
import { test } from "node:test";

import { JitterBuffer } from "../../../listeners/pages/modules/jitter.js";

const MS = 24; // samples
const BLOCK = 128;
const FADE = 5 * MS;

const steady = (ms, value = 0.5) => new Float32Array(ms * MS).fill(value);
const pull = (buffer, count = BLOCK) => {
  const output = new Float32Array(count).fill(NaN);
  buffer.pull(output);
  return [...output];
};

test("nothing is played before 60 ms are there, and then it fades in", () => {
  const buffer = new JitterBuffer();
  buffer.push(steady(40));
  assert.ok(pull(buffer).every((sample) => sample === 0));
  buffer.push(steady(20));
  const played = pull(buffer, 2 * FADE);
  assert.equal(played[0], 0);
  assert.ok(Math.abs(played[FADE / 2] - 0.25) < 0.01);
  assert.ok(played.slice(FADE).every((sample) => sample === 0.5));
});

test("what goes in comes out, in order, across pieces", () => {
  const buffer = new JitterBuffer();
  const all = Float32Array.from({ length: 100 * MS }, (_, n) => n / 10_000);
  for (let n = 0; n < 5; n += 1) buffer.push(all.slice(n * 20 * MS, (n + 1) * 20 * MS));
  const heard = [];
  while (buffer.held >= BLOCK) heard.push(...pull(buffer));
  assert.deepEqual(heard.slice(FADE), [...all].slice(FADE, heard.length));
  assert.equal(heard.length + buffer.held, 100 * MS);
});

test("running dry is silence without a click, is counted, and asks for more next time", () => {
  const buffer = new JitterBuffer();
  buffer.push(steady(60));
  pull(buffer, 60 * MS - 10);
  const played = pull(buffer, 400);
  const steps = played.slice(1).map((sample, n) => Math.abs(sample - played[n]));
  assert.ok(Math.max(...steps) < 0.03);
  assert.equal(played.at(-1), 0);
  assert.equal(buffer.dry, 1);
  assert.equal(buffer.targetMs, 80);
  buffer.push(steady(70));
  assert.equal(buffer.pull(new Float32Array(BLOCK)), false);
});

test("the end of speech is played without waiting, and is no running dry", () => {
  const buffer = new JitterBuffer();
  buffer.push(steady(20));
  buffer.end();
  assert.equal(buffer.pull(new Float32Array(BLOCK)), true);
  while (buffer.pull(new Float32Array(BLOCK)));
  assert.equal(buffer.dry, 0);
  assert.equal(buffer.targetMs, 60);
});

test("it holds no more than a bound: the oldest is left out, and the newest played", () => {
  const buffer = new JitterBuffer();
  for (let n = 1; n <= 100; n += 1) buffer.push(steady(20, n / 100));
  assert.ok(buffer.heldMs <= 1200);
  assert.equal(Math.round(buffer.left_out / MS + buffer.heldMs), 2000);
  const heard = [];
  while (buffer.held > 0) heard.push(...pull(buffer));
  assert.ok(heard.includes(1));
});

test("a flush forgets everything", () => {
  const buffer = new JitterBuffer();
  buffer.push(steady(200));
  pull(buffer);
  buffer.flush();
  assert.equal(buffer.held, 0);
  assert.equal(buffer.pull(new Float32Array(BLOCK)), false);
});
