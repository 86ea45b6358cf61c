// Small parts of the console's views.

import { element, setText } from "../dom.js";
import { has, t } from "../i18n.js";
import { qrCode } from "../qr.js";
import { toneOf } from "./model.js";

const QUIET_ZONE = 4; // modules of light around a code, by its standard

/** The text of a code of the API, or the code itself where it is of a later version. */
export const textOf = (area, code) => (has(`${area}.${code}`) ? t(`${area}.${code}`) : code);

export const button = (label, attributes = {}) => element("button", { type: "button", text: label, ...attributes });

export const field = (label, control, hint = "") =>
  element(
    "div",
    { class: "field" },
    element("label", { for: control.id, text: label }),
    control,
    ...(hint ? [element("p", { class: "hint", text: hint })] : []),
  );

export function choice(id, options, value) {
  const select = element("select", { id });
  for (const [key, label] of options) select.append(element("option", { value: key, text: label }));
  select.value = value;
  return select;
}

export const pill = () => element("span", { class: "pill" });

/** Show a state of an area of texts in a pill. */
export function fillPill(target, area, state) {
  setText(target, textOf(area, state));
  target.dataset.tone = toneOf(state);
}

/** A QR code as a picture, dark on light in any scheme: many readers see no inverted ones. */
export function qrPicture(text, label) {
  const rows = qrCode(text);
  const size = rows.length + 2 * QUIET_ZONE;
  let path = "";
  rows.forEach((row, y) => row.forEach((dark, x) => (path += dark ? `M${x + QUIET_ZONE} ${y + QUIET_ZONE}h1v1h-1z` : "")));
  const make = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const picture = make("svg", { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label });
  picture.append(make("rect", { width: size, height: size }), make("path", { d: path }));
  return picture;
}

/** Offer text as a file. */
export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A line that tells people what has become of what they did; read by screen readers. */
export class Notice {
  constructor() {
    this.node = element("p", { class: "hint", role: "status" });
  }

  say(text, wrong = false) {
    this.node.classList.toggle("error", wrong);
    setText(this.node, text);
  }
}
