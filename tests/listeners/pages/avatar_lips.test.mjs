import assert from "node:assert/strict";
import { test } from "node:test";

import { outlineOf } from "../../../listeners/pages/modules/avatar/lips.js";
import { SHAPES } from "../../../listeners/pages/modules/avatar/visemes.js";

const HALF_CANVAS = 48; // units of the artwork
const RISE = 26;
const FALL = 50;
const LINE = 2.5; // half its width

test("at rest the lips are one line that smiles", () => {
  const { top, bottom, corner } = outlineOf(SHAPES.rest);
  assert.equal(top, bottom);
  assert.ok(corner < bottom, "the corners are above the middle");
});

test("an open mouth is taller than a half-open one, and a round one narrower than a spread one", () => {
  const height = ({ top, bottom }) => bottom - top;
  assert.ok(height(outlineOf(SHAPES.ah)) > height(outlineOf(SHAPES.eh)));
  assert.ok(outlineOf(SHAPES.oo).half < outlineOf(SHAPES.oh).half);
  assert.ok(outlineOf(SHAPES.oh).half < outlineOf(SHAPES.ee).half);
});

test("no shape leaves the canvas", () => {
  for (const [name, shape] of Object.entries(SHAPES)) {
    const { half, corner, top, bottom } = outlineOf(shape);
    assert.ok(half + LINE <= HALF_CANVAS, name);
    assert.ok(0.25 * corner + 0.75 * top - LINE >= -RISE, name);
    assert.ok(0.25 * corner + 0.75 * bottom + LINE <= FALL, name);
  }
});
