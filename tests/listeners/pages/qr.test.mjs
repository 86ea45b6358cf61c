import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { qrCode } from "../../../listeners/pages/modules/qr.js";

const picture = (text) => qrCode(text).map((row) => row.map((dark) => (dark ? "█" : "·")).join(""));
const digest = (text) => createHash("sha256").update(picture(text).join("\n")).digest("hex").slice(0, 16);

test("a code has its three corners, its timing and a size that fits the text", () => {
  const rows = picture("https://example.org/join/042117");
  assert.equal(rows.length, 29); // version 3
  assert.ok(rows.every((row) => row.length === 29));
  for (const [x, y] of [[0, 0], [22, 0], [0, 22]]) {
    const corner = rows.slice(y, y + 7).map((row) => row.slice(x, x + 7));
    assert.deepEqual(corner, ["███████", "█·····█", "█·███·█", "█·███·█", "█·███·█", "█·····█", "███████"]);
  }
  assert.equal(rows[6].slice(7, 22), "·█·█·█·█·█·█·█·");
});

// Of codes that an independent reader (ZXing) has read: a letter, an address, umlauts, a long link with a ticket.
for (const [text, size, expected] of [
  ["A", 21, "af54a9e30b86c39d"],
  ["https://example.org/join/042117", 29, "4ccbe1093d69f224"],
  ["https://interpreter.example.org/listen/123456?x=ü", 33, "8768222662c03121"],
  [`https://a.example/speaker#ticket=v1.${"abcXYZ_-".repeat(40)}`, 73, "9ef9def11a868de9"],
]) {
  test(`${text.length} characters make the code that was read by another program`, () => {
    assert.equal(qrCode(text).length, size);
    assert.equal(digest(text), expected);
  });
}

test("the longest text fits, and a longer one is refused", () => {
  assert.equal(qrCode("x".repeat(666)).length, 97);
  assert.throws(() => qrCode("x".repeat(667)), RangeError);
});
