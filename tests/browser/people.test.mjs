import assert from "node:assert/strict";
import { test } from "node:test";

import { arrange, changes, initials, languageName } from "../../emulator/page/people.js";

const person = (id, display_name, more = {}) => ({ id, display_name, muted: false, speaking: false, ...more });

test("yourself first, then people by name, then interpreters", () => {
  const people = arrange(
    [person("28:acs:bot", "Bot"), person("8:acs:3", "Zoe"), person("8:acs:1", "Luis"), person("8:acs:2", "Ana")],
    "8:acs:1",
  );
  assert.deepEqual(people.map((one) => [one.name, one.kind]), [
    ["Luis", "you"],
    ["Ana", "person"],
    ["Zoe", "person"],
    ["Interpreter", "interpreter"],
  ]);
});

test("who is muted does not speak", () => {
  const [one] = arrange([person("8:acs:1", "Ana", { muted: true, speaking: true })], "");
  assert.equal(one.speaking, false);
});

test("who comes and goes is said, and silence when nobody does", () => {
  const ana = { id: "1", name: "Ana" };
  const luis = { id: "2", name: "Luis" };
  assert.equal(changes([ana], [ana, luis]), "Luis joined.");
  assert.equal(changes([ana, luis], [luis]), "Ana left.");
  assert.equal(changes([ana], [{ ...ana, speaking: true }]), "");
});

test("languages have names, with the region only where it tells two apart", () => {
  assert.equal(languageName("es-ES", ["en-US", "es-ES"]), "Spanish");
  assert.notEqual(languageName("es-ES", ["es-MX", "es-ES"]), languageName("es-MX", ["es-MX", "es-ES"]));
  assert.equal(languageName("not a tag"), "not a tag");
});

test("initials of any name", () => {
  assert.deepEqual(["Ana", "ana maría lópez", "  ", "😀 smile"].map(initials), ["A", "AL", "?", "😀S"]);
});
