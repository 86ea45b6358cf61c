import assert from "node:assert/strict";
import { test } from "node:test";

import { parseEntry } from "../../../listeners/pages/modules/commands.js";

const parsed = (text) => Object.values(parseEntry(text)).join(" ");

test("what is no command is a message", () => {
  assert.equal(parsed("  hello / there "), "message hello / there");
  assert.equal(parsed("//etc"), "message /etc");
  assert.equal(parseEntry("  ").kind, "nothing");
});

test("the two commands, and no others", () => {
  assert.equal(parsed("/username  Ana María "), "username Ana María");
  assert.equal(parsed("/JOIN 042 117"), "join 042117");
  assert.equal(parsed("/join ０４２１１７"), "join 042117");
  for (const text of ["/join 42", "/username", "/leave", "/"]) assert.equal(parseEntry(text).kind, "unknown", text);
});
