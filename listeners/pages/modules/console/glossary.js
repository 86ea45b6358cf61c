// The glossary: terms that stay as they are, and translations that are wanted. Nobody's change overwrites another's.

import { element } from "../dom.js";
import { t } from "../i18n.js";
import { explain, roomPath } from "./api.js";
import { termsOf } from "./model.js";
import { button, Notice } from "./parts.js";

export class GlossaryTab {
  constructor(api, view) {
    this._api = api;
    this._path = roomPath(view.room.room_id, "/glossary");
    this._languages = view.room.languages;
    this._view = view;
    this._etag = null;
    this._notice = new Notice();
    this._body = element("tbody");
    this._again = button(t("glossary.reload"), { hidden: true });
    this._save = button(t("glossary.save"), { class: "primary", disabled: true });
    const add = button(t("glossary.add"));
    const head = [t("glossary.term"), ...this._languages.map((tag) => this._view.nameOf(tag)), ""];
    const table = element(
      "table",
      { class: "glossary" },
      element("caption", { class: "visually-hidden", text: t("tab.glossary") }),
      element("thead", {}, element("tr", {}, ...head.map((text) => element(text ? "th" : "td", text ? { scope: "col", text } : {})))),
      this._body,
    );
    this.node = element(
      "div",
      { class: "stack" },
      element("p", { class: "quiet", text: t("glossary.lead") }),
      element("div", { class: "table-scroll" }, table),
      element("div", { class: "row" }, add, this._save, this._again, this._notice.node),
    );
    add.addEventListener("click", () => this._add({ term: "", translations: {} }).querySelector("input").focus());
    this._save.addEventListener("click", () => this._put());
    this._again.addEventListener("click", () => this._load());
    this._load();
  }

  async _load() {
    this._again.hidden = true;
    this._notice.say(t("rooms.loading"));
    try {
      const { data, etag } = await this._api.request("GET", this._path);
      this._etag = etag;
      this._body.replaceChildren();
      for (const term of data.terms) this._add(term);
      if (data.terms.length === 0) this._add({ term: "", translations: {} });
      this._save.disabled = false;
      this._notice.say("");
    } catch (error) {
      this._again.hidden = false;
      this._notice.say(explain(error, t), true);
    }
  }

  _add({ term, translations }) {
    const cell = (value, label, tag) => {
      const input = element("input", { maxlength: 100, autocomplete: "off", "aria-label": label, ...(tag ? { "data-tag": tag, lang: tag } : {}), dir: "auto" });
      input.value = value;
      input.addEventListener("input", () => this._notice.say(""));
      return element("td", {}, input);
    };
    const remove = button("×", { class: "icon plain", "aria-label": t("glossary.remove") });
    const row = element(
      "tr",
      {},
      cell(term, t("glossary.term"), null),
      ...this._languages.map((tag) => cell(translations[tag] ?? "", this._view.nameOf(tag), tag)),
      element("td", {}, remove),
    );
    remove.addEventListener("click", () => row.remove());
    this._body.append(row);
    return row;
  }

  async _put() {
    const rows = [...this._body.rows].map((row) => {
      const [term, ...rest] = row.querySelectorAll("input");
      return { term: term.value, translations: Object.fromEntries(rest.map((input) => [input.dataset.tag, input.value])) };
    });
    this._save.disabled = true;
    try {
      const { etag } = await this._api.request("PUT", this._path, { body: { terms: termsOf(rows) }, ifMatch: this._etag });
      this._etag = etag;
      this._notice.say(t("glossary.saved"));
    } catch (error) {
      this._again.hidden = error.status !== 412;
      this._notice.say(explain(error, t), true);
    }
    this._save.disabled = false;
  }
}
