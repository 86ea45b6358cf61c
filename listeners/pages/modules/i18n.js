// Texts of the interface in the browser's language. `texts/{area}/{language}.json`: key → text with {values}.

import { setText } from "./dom.js";

export const LANGUAGES = ["en", "es", "de", "fr", "pt", "it", "ja", "ar"];
const RIGHT_TO_LEFT = new Set(["ar", "he", "fa", "ur", "ps", "sd", "ug", "yi", "dv", "ckb"]);

let texts = {};
let language = "en";

/** The first of the browser's languages that the interface has; English if none. */
export function pickLanguage(wanted, available = LANGUAGES) {
  const bases = (wanted ?? []).map((tag) => String(tag).toLowerCase().split("-")[0]);
  return bases.find((base) => available.includes(base)) ?? "en";
}

export const directionOf = (tag) => (RIGHT_TO_LEFT.has(String(tag).toLowerCase().split("-")[0]) ? "rtl" : "ltr");

/** Loads the texts of one or more areas, translates what the page has, and shows it. */
export async function loadTexts(...areas) {
  language = pickLanguage(navigator.languages);
  const load = async (area) => {
    const answer = await fetch(new URL(`../texts/${area}/${language}.json`, import.meta.url));
    if (!answer.ok) throw new Error(`no texts of ${area} in ${language}`);
    return answer.json();
  };
  try {
    texts = Object.assign({}, ...(await Promise.all(areas.map(load))));
    document.documentElement.lang = language;
    document.documentElement.dir = directionOf(language);
    translate(document);
  } finally {
    document.documentElement.dataset.ready = "";
  }
}

/** For tests: texts without a page. */
export function setTexts(given, tag = "en") {
  texts = given;
  language = tag;
}

export function fill(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The text of a key; the key itself if there is none, which tests find. */
export const t = (key, values) => fill(texts[key] ?? key, values);

export const has = (key) => key in texts;

/** Translates `data-t` (text) and `data-t-label`, `-placeholder`, `-title` (attributes) under a node. */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-t]")) setText(node, t(node.dataset.t));
  for (const [data, attribute] of [["tLabel", "aria-label"], ["tPlaceholder", "placeholder"], ["tTitle", "title"]]) {
    const selector = `[data-${data.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}]`;
    for (const node of root.querySelectorAll(selector)) node.setAttribute(attribute, t(node.dataset[data]));
  }
}

/** A language's name in the language of the interface: "es-ES" → "Spanish (Spain)". */
export function languageName(tag) {
  try {
    return new Intl.DisplayNames([language], { type: "language", languageDisplay: "standard" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** What is to be chosen among languages: without the region where the language alone says it. */
export function languageChoices(tags) {
  const bases = tags.map((tag) => tag.split("-")[0]);
  return tags.map((tag, place) => {
    const alone = bases.filter((base) => base === bases[place]).length === 1;
    const name = languageName(alone ? bases[place] : tag);
    return { tag, name: name.charAt(0).toLocaleUpperCase(language) + name.slice(1) };
  });
}

export const number = (value, options) => new Intl.NumberFormat(language, options).format(value);

export const seconds = (ms, digits = 1) =>
  number(ms / 1000, { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const timeOfDay = (ms) => new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(ms);
