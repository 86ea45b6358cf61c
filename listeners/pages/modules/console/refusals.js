// What was refused to whom within the last hour.

import { element } from "../dom.js";
import { t, timeOfDay } from "../i18n.js";
import { allItems, explain } from "./api.js";
import { textOf } from "./parts.js";
import { Table } from "./tables.js";

const EVERY_MS = 30_000;

export class RefusalsView {
  constructor(api) {
    this._api = api;
    this._table = new Table(
      t("refusals.title"),
      [
        { head: "refusals.caller", cell: (one) => one.caller },
        { head: "refusals.count", cell: (one) => String(one.count), kind: "amount" },
        { head: "refusals.endpoint", cell: (one) => one.endpoint, kind: "mono" },
        { head: "refusals.reason", cell: (one) => textOf("refused", one.reason) },
        { head: "refusals.last", cell: (one) => timeOfDay(Date.parse(one.last_at)), kind: "amount" },
      ],
      t("rooms.loading"),
    );
    this.node = element("div", { class: "stack" }, element("h1", { text: t("refusals.title") }), element("p", { class: "quiet", text: t("refusals.lead") }), this._table.node);
    this._timer = setInterval(() => document.visibilityState === "visible" && this._load(), EVERY_MS);
    this._load();
  }

  close() {
    clearInterval(this._timer);
  }

  async _load() {
    try {
      const items = await allItems(this._api, "/api/refusals");
      this._table.tell(t("refusals.none"));
      this._table.show(items.map((one) => ({ ...one, key: `${one.caller} ${one.endpoint} ${one.reason}` })));
    } catch (error) {
      this._table.show([]);
      this._table.tell(explain(error, t));
    }
  }
}
