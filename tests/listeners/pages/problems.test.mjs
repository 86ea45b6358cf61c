// What is said when something is refused, by code, and for codes that nobody has a sentence for.

import assert from "node:assert/strict";
import { test } from "node:test";

import { setTexts } from "../../../listeners/pages/modules/i18n.js";
import { problemText } from "../../../listeners/pages/modules/problems.js";

setTexts({
  "problem.unavailable": "later",
  "problem.overloaded": "full",
  "problem.rate_limited": "in {seconds} s",
  "problem.other": "no ({code})",
});

for (const [problem, expected] of [
  ["draining", "later"],
  [{ code: "store_unavailable" }, "later"],
  [{ code: "http_502" }, "later"],
  ["too_many_sockets", "full"],
  [{ code: "overloaded" }, "full"],
  [{ code: "rate_limited", retryAfterMs: 1500 }, "in 2 s"],
  ["format_unknown", "no (format_unknown)"],
]) {
  test(`${problem.code ?? problem} is told as "${expected}"`, () => assert.equal(problemText(problem), expected));
}
