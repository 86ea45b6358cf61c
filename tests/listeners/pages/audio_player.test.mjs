import assert from "node:assert/strict";
import { test } from "node:test";

import { bestFormat, missingBefore } from "../../../listeners/pages/modules/audio_player.js";

test("opus where it can be decoded", async () => {
  assert.equal(await bestFormat({ isConfigSupported: async () => ({ supported: true }) }), "opus");
  assert.equal(await bestFormat({ isConfigSupported: async () => ({ supported: false }) }), "pcm16");
  assert.equal(await bestFormat({ isConfigSupported: async () => Promise.reject(new Error()) }), "pcm16");
  assert.equal(await bestFormat(undefined), "pcm16");
});

test("numbers that are missing are frames that were lost", () => {
  assert.equal(missingBefore(null, 17), 0);
  assert.equal(missingBefore(17, 18), 0);
  assert.equal(missingBefore(17, 21), 3);
  assert.equal(missingBefore(17, 0), 0); // a new connection
});
