import assert from "node:assert/strict";
import { test } from "node:test";

import { crossingHertz, levelOf, vowelOf } from "../../../listeners/pages/modules/avatar/formants.js";
import { Mouth, SHAPES, shapeOf } from "../../../listeners/pages/modules/avatar/visemes.js";
import { hiss, MEN, silence, vowel, WOMEN } from "./voices.mjs";

const VOICES = [[MEN, 110], [WOMEN, 210]];
const FRAME_S = 1 / 60;
const WINDOW_S = 0.032;

/** Have a mouth follow sounds, one after another, as an animation does; returns it after each frame. */
function followed(mouth, sounds, rate = 24_000) {
  const all = Float32Array.from(sounds.flatMap((sound) => [...sound]));
  const window = Math.round(WINDOW_S * rate);
  const states = [];
  for (let at = 0; (at + FRAME_S) * rate + window < all.length; at += FRAME_S) {
    const from = Math.round(at * rate);
    const changed = mouth.follow(all.subarray(from, from + window), rate, at);
    states.push({ at, name: mouth.name, open: mouth.open, wide: mouth.wide, changed });
  }
  return states;
}

test("the level of full scale is 0 dB, and of silence -120 dB", () => {
  assert.ok(Math.abs(levelOf(new Float32Array(100).fill(1))) < 0.01);
  assert.equal(levelOf(new Float32Array(100)), -120);
});

test("a tone crosses zero at its frequency", () => {
  const tone = Float32Array.from({ length: 4800 }, (_, i) => Math.sin((2 * Math.PI * 1000 * i) / 48_000));
  assert.ok(Math.abs(crossingHertz(tone, 48_000) - 1000) < 20);
});

test("formants are found to 150 Hz, or nearest to each other where they are one, in deep and high voices", () => {
  for (const [people, pitch] of VOICES) {
    for (const [first, second] of Object.values(people)) {
      const found = vowelOf(vowel([first, second, 2600], { pitch, seconds: WINDOW_S }), 24_000);
      assert.ok(Math.abs(found.firstHertz - first) <= 150, `${first} Hz was found as ${found.firstHertz}`);
      assert.ok(Math.abs(found.secondHertz - second) <= 150, `${second} Hz was found as ${found.secondHertz}`);
    }
  }
});

for (const rate of [24_000, 44_100, 48_000]) {
  test(`each vowel has its shape at ${rate} Hz`, () => {
    for (const [people, pitch] of VOICES) {
      for (const [name, formants] of Object.entries(people)) {
        const sound = vowel(formants, { pitch, rate, seconds: 0.2 }).subarray(Math.round(0.1 * rate));
        assert.equal(shapeOf(sound.subarray(0, Math.round(WINDOW_S * rate)), rate), name, `pitch ${pitch}`);
      }
    }
  });

  test(`a hiss shows teeth, and silence closes the lips, at ${rate} Hz`, () => {
    assert.equal(shapeOf(hiss({ rate, seconds: WINDOW_S }), rate), "hiss");
    assert.equal(shapeOf(silence({ rate, seconds: WINDOW_S }), rate), "closed");
  });
}

test("a shape does not depend on how loud the voice is", () => {
  for (const level of [0.02, 0.9]) {
    assert.equal(shapeOf(vowel(MEN.ah, { level, seconds: WINDOW_S }), 24_000), "ah");
  }
});

test("silence, noise below hearing and nothing at all leave the mouth at rest", () => {
  const mouth = new Mouth();
  const states = followed(mouth, [silence({ seconds: 1 }), hiss({ level: 0.001, seconds: 1 })]);
  assert.ok(states.every(({ changed, open }) => !changed && open === 0));
  assert.equal(mouth.follow(null, undefined, 3), false);
});

test("the mouth opens within 100 ms of a vowel, and is closed and still half a second after the last", () => {
  const states = followed(new Mouth(), [silence({ seconds: 0.2 }), vowel(MEN.ah), silence({ seconds: 1.2 })]);
  const open = states.find((state) => state.open > 0.5);
  assert.ok(open.at > 0.15 && open.at < 0.3, `open at ${open.at}`);
  const still = states.filter((state) => state.at > 0.6 + 0.6);
  assert.ok(still.length > 20 && still.every((state) => state.open === 0 && !state.changed && state.name === "rest"));
});

test("vowels look different from each other", () => {
  const last = (sound) => followed(new Mouth(), [sound]).at(-1);
  const ah = last(vowel(MEN.ah));
  const ee = last(vowel(MEN.ee));
  const oo = last(vowel(MEN.oo));
  assert.ok(ah.open > ee.open + 0.4 && ah.open > oo.open + 0.4);
  assert.ok(ee.wide > 0.8 && oo.wide < -0.8);
});

test("the mouth moves in steps that do not jump", () => {
  const states = followed(new Mouth(), [vowel(MEN.ah), vowel(MEN.oo), hiss(), vowel(WOMEN.ee, { pitch: 210 })]);
  for (let i = 1; i < states.length; i += 1) {
    assert.ok(Math.abs(states[i].open - states[i - 1].open) < 0.4);
    assert.ok(Math.abs(states[i].wide - states[i - 1].wide) < 0.5);
  }
});

test("a shape that is asked for in one frame only is not shown", () => {
  const states = followed(new Mouth(), [vowel(MEN.ah), hiss({ seconds: 0.012 }), vowel(MEN.ah)]);
  assert.ok(states.every((state) => state.name !== "hiss"));
});

test("a sleeping page does not make the mouth leap when it wakes", () => {
  const mouth = new Mouth();
  mouth.follow(vowel(MEN.ah, { seconds: WINDOW_S }), 24_000, 1);
  mouth.follow(vowel(MEN.ah, { seconds: WINDOW_S }), 24_000, 3_600);
  assert.ok(mouth.open <= SHAPES.ah.open);
});
