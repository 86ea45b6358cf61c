import assert from "node:assert/strict";
import { test } from "node:test";

import { Resampler } from "../../../listeners/pages/modules/resampler.js";

const tone = (hertz, rate, s) => Float32Array.from({ length: rate * s }, (_, n) => Math.sin((2 * Math.PI * hertz * n) / rate));
const inBlocks = (resampler, samples, size = 128) => {
  const made = [];
  for (let n = 0; n < samples.length; n += size) made.push(...resampler.push(samples.subarray(n, n + size)));
  return made;
};
const loudness = (samples) => Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length);
const heard = (hertz, from, to) => loudness(inBlocks(new Resampler(from, to), tone(hertz, from, 0.15)).slice(500));

for (const [from, to] of [[48_000, 24_000], [44_100, 24_000], [16_000, 24_000], [48_000, 16_000]]) {
  test(`${from} to ${to} Hz: speech stays, nothing is folded into it`, () => {
    const made = inBlocks(new Resampler(from, to), tone(1000, from, 0.2));
    assert.ok(Math.abs(made.length - to / 5) < 60, String(made.length));
    for (const hertz of [200, 1000, 3000, 6000]) {
      assert.ok(Math.abs(heard(hertz, from, to) / Math.SQRT1_2 - 1) < 0.02, String(hertz));
    }
    if (from > to) assert.ok(heard(0.75 * to, from, to) < 0.001, "a tone above the new band");
  });
}

test("the size of the blocks changes nothing", () => {
  const samples = tone(700, 44_100, 0.1);
  const [one, other] = [128, 441].map((size) => inBlocks(new Resampler(44_100, 24_000), samples, size));
  const common = Math.min(one.length, other.length);
  assert.deepEqual(one.slice(0, common), other.slice(0, common));
});

test("the same rate is passed through", () => {
  assert.deepEqual([...new Resampler(24_000, 24_000).push(Float32Array.of(0.25, -1))], [0.25, -1]);
});
