import assert from "node:assert/strict";
import { test } from "node:test";

import { directionOf, fill, languageChoices, pickLanguage, seconds, setTexts, t } from "../../../listeners/pages/modules/i18n.js";

test("the first of the browser's languages that there is", () => {
  assert.equal(pickLanguage(["pt-BR", "en"]), "pt");
  assert.equal(pickLanguage(["nl-NL", "de-AT", "en"]), "de");
  assert.equal(pickLanguage(["nl"]), "en");
  assert.equal(pickLanguage([]), "en");
  assert.equal(pickLanguage(undefined), "en");
});

test("values are filled in, unknown ones stay", () => {
  assert.equal(fill("{n} of {m}", { n: 3 }), "3 of {m}");
  setTexts({ "a.b": "Hello {name}" });
  assert.equal(t("a.b", { name: "{name}" }), "Hello {name}");
  assert.equal(t("not.there"), "not.there");
});

test("direction by language", () => {
  assert.equal(directionOf("ar-EG"), "rtl");
  assert.equal(directionOf("he"), "rtl");
  assert.equal(directionOf("ja"), "ltr");
  assert.equal(directionOf(undefined), "ltr");
});

test("languages are named without region unless it tells two apart", () => {
  setTexts({}, "es");
  assert.deepEqual(
    languageChoices(["es-ES", "pt-BR", "pt-PT", "x"]).map(({ name }) => name),
    ["Español", "Portugués (Brasil)", "Portugués (Portugal)", "X"],
  );
  assert.equal(seconds(1234), "1,2");
});
