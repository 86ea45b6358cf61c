import assert from "node:assert/strict";
import { test } from "node:test";

import { clean, initials } from "../../../listeners/pages/modules/dom.js";

test("control and direction characters are taken out, other scripts stay", () => {
  assert.equal(clean("a\u202Eb\u2066c\u0007d\u200F"), "abcd");
  assert.equal(clean("  two\n\tlines  "), "two lines");
  assert.equal(clean("مرحبا 日本 é 👩‍👩‍👧"), "مرحبا 日本 é 👩‍👩‍👧");
  assert.equal(clean(undefined), "");
  assert.equal(clean("<b>x</b>"), "<b>x</b>"); // set as text, it is text
});

test("a long text is cut where it says so", () => {
  assert.equal(clean("x".repeat(90), 80), "x".repeat(80) + "…");
});

test("initials are those of first and last name", () => {
  assert.equal(initials("Ana María Ruiz"), "AR");
  assert.equal(initials("luis"), "L");
  assert.equal(initials("👩‍🚀"), "👩");
  assert.equal(initials(""), "");
});
