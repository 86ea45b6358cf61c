// Elements and text. Whatever comes from outside is set as text, after `clean`; nothing here takes markup.

// Control characters, and those that turn the direction of what comes after them.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]/g;

/** Text of others without control and direction characters, at most `limit` characters. */
export function clean(text, limit = 4000) {
  const plain = String(text ?? "").replace(CONTROLS, "").replace(/\s+/g, " ").trim();
  return plain.length > limit ? `${plain.slice(0, limit)}…` : plain;
}

export const byId = (id) => document.getElementById(id);

/** An element with attributes (`text` sets its text) and children. */
export function element(tag, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

/** A name of somebody, isolated from the direction of the text around it. */
export const nameOf = (name, attributes = {}) => element("bdi", { ...attributes, text: clean(name, 80) });

/** Sets text only where it changes: a screen reader hears a live text once, and a selection stays. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** One or two letters that stand for a name. */
export function initials(name) {
  const words = clean(name, 80).split(" ").filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0].toLocaleUpperCase()).join("");
}

/** Whether keys go into a text right now. */
export function isTyping(event) {
  const at = event.target;
  return event.isComposing || (at instanceof HTMLElement && at.matches("input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]"));
}
