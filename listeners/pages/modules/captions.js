// Lines of captions: what they are (`CaptionLines`) and how they are shown (`CaptionView`).

import { clean, element, nameOf, setText } from "./dom.js";
import { directionOf, t } from "./i18n.js";

const MOST_LINES = 400;
const LONGEST_READING = 3; // finals waiting in the live region; a screen reader that is behind skips older ones
const NEAR_END_PX = 48;

/**
 * Lines in the order in which they began, one per utterance. A line has `texts`: language → {text, revision, isFinal,
 * original}. A higher revision replaces a lower one; nothing follows a final.
 */
export class CaptionLines {
  constructor(limit = MOST_LINES) {
    this.lines = [];
    this.position = null; // of the last message, for `after=`
    this._byId = new Map();
    this._limit = limit;
  }

  /** Takes a caption message. Returns `{line, text, isNew, removed}`, or null if it changes nothing. */
  apply(message) {
    if (message.position !== undefined) this.position = message.position;
    const { utterance_id: id, language, revision = 0 } = message;
    let line = this._byId.get(id);
    const before = line?.texts.get(language);
    if (before && (before.isFinal || revision <= before.revision)) return null;
    const isNew = !line;
    if (!line) {
      line = {
        id,
        speakerId: message.speaker_id,
        speakerName: message.speaker_name ?? "",
        timestampMs: message.timestamp_ms,
        typed: Boolean(message.typed),
        pinned: Boolean(message.pinned),
        history: Boolean(message.history),
        texts: new Map(),
      };
      this._byId.set(id, line);
      this.lines.push(line);
    }
    const text = { text: clean(message.text), revision, isFinal: Boolean(message.is_final), original: Boolean(message.original) };
    line.texts.set(language, text);
    const removed = this.lines.length > this._limit ? this.lines.splice(0, this.lines.length - this._limit) : [];
    for (const one of removed) this._byId.delete(one.id);
    return { line, language, text, isNew, removed, history: Boolean(message.history) };
  }

  /** What has been read so far, as plain text, in one language; originals where there is no other. */
  transcript(language, time = (ms) => new Date(ms).toISOString()) {
    return this.lines
      .map((line) => {
        const text = line.texts.get(language) ?? original(line);
        return text?.isFinal && text.text ? `[${time(line.timestampMs)}] ${clean(line.speakerName, 80)}: ${text.text}\n` : "";
      })
      .join("");
  }
}

export function original(line) {
  for (const [language, text] of line.texts) if (text.original) return { ...text, language };
  return null;
}

/**
 * Shows lines in an element with class `captions`, in one language, with the original beside it or without.
 *
 * The newest line is kept in sight unless somebody has scrolled back; then the place is kept, and a button leads to the
 * newest. A live region reads final texts only, and none that were there before.
 */
export class CaptionView {
  constructor(container, { language, twoColumns = false, most, empty = "" } = {}) {
    this.model = new CaptionLines(most);
    this.language = language;
    this._rows = new Map();
    this._container = container;
    this._list = element("ol");
    this._scroll = element("div", { class: "captions-scroll", tabindex: "0", role: "region", "aria-label": t("captions.label") }, this._list);
    this._newest = element("button", { class: "newest", type: "button", hidden: true, text: t("captions.newest") });
    this._live = element("div", { class: "visually-hidden", "aria-live": "polite", "aria-atomic": "false" });
    this._empty = element("p", { class: "captions-empty", text: empty });
    container.replaceChildren(this._scroll, this._empty, this._newest, this._live);
    this._following = true;
    this._newest.addEventListener("click", () => this.follow());
    this._scroll.addEventListener("scroll", () => this._scrolled(), { passive: true });
    new ResizeObserver(() => this._settle()).observe(this._scroll);
    this.setTwoColumns(twoColumns);
  }

  setTwoColumns(two) {
    this._container.classList.toggle("two-columns", two);
    this._settle();
  }

  setEmptyText(text) {
    setText(this._empty, text);
  }

  /** Shows another language, of the lines that are there too. */
  setLanguage(language) {
    this.language = language;
    this._list.replaceChildren();
    this._rows.clear();
    for (const line of this.model.lines) this._show(line);
    this.follow();
  }

  apply(message) {
    const change = this.model.apply(message);
    if (!change) return;
    for (const line of change.removed) this._remove(line);
    this._show(change.line);
    if (change.language === this.language && change.text.isFinal && !change.history) this._read(change);
    this._settle();
  }

  /** Goes to the newest line and stays with it. */
  follow() {
    this._following = true;
    this._newest.hidden = true;
    this._settle();
  }

  _show(line) {
    const mine = line.texts.get(this.language);
    const first = original(line);
    const beside = first && first.language !== this.language ? first : null;
    if (!mine && !(beside && this._container.classList.contains("two-columns"))) return;
    this._empty.hidden = true;
    const row = this._rows.get(line.id) ?? this._add(line);
    if (beside) fillText(row.beside, beside, beside.language);
    row.beside.hidden = !beside;
    fillText(row.mine, mine, this.language);
  }

  _add(line) {
    const speaker = element("div", { class: "speaker" }, nameOf(line.speakerName));
    if (line.typed) speaker.append(element("span", { text: t("captions.typed") }));
    const beside = element("p", { class: "original" });
    const mine = element("p", { class: "text" });
    const item = element("li", { class: line.pinned ? "line pinned" : "line" }, speaker, beside, mine);
    // Lines of one person in a row have the name once.
    const place = this.model.lines.indexOf(line);
    const later = this.model.lines.slice(place + 1).find((other) => this._rows.has(other.id));
    const earlier = this.model.lines.slice(0, place).findLast((other) => this._rows.has(other.id));
    if (earlier && !earlier.pinned && !line.pinned && earlier.speakerId === line.speakerId && earlier.typed === line.typed) {
      item.classList.add("same-speaker");
    }
    this._list.insertBefore(item, later ? this._rows.get(later.id).item : null);
    const row = { item, beside, mine };
    this._rows.set(line.id, row);
    return row;
  }

  _remove(line) {
    const row = this._rows.get(line.id);
    if (!row) return;
    const before = this._scroll.scrollHeight;
    const top = this._scroll.scrollTop;
    row.item.remove();
    this._rows.delete(line.id);
    // Browsers that do not anchor the scroll position themselves would jump.
    if (!this._following) this._scroll.scrollTop = top - (before - this._scroll.scrollHeight);
  }

  _read({ line, text }) {
    this._live.append(element("p", { lang: this.language, text: `${clean(line.speakerName, 80)}: ${text.text}` }));
    while (this._live.childElementCount > LONGEST_READING) this._live.firstElementChild.remove();
  }

  _scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this._scroll;
    this._following = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    this._newest.hidden = this._following;
  }

  _settle() {
    if (this._following) this._scroll.scrollTop = this._scroll.scrollHeight;
  }
}

function fillText(node, text, language) {
  setText(node, text?.text ?? "");
  node.lang = language ?? "";
  node.dir = directionOf(language);
  node.classList.toggle("partial", Boolean(text) && !text.isFinal);
}
