// Tables of the console: columns by name, rows kept in place.

import { element, setText } from "../dom.js";
import { t } from "../i18n.js";
import { Rows } from "./rows.js";

/** A table in a frame that scrolls by itself. `columns`: `[{head, cell(td, item), kind}]`; `empty` is told without rows. */
export class Table {
  constructor(caption, columns, empty) {
    const head = element("tr", {}, ...columns.map(({ head: key, kind }) => element("th", { scope: "col", class: kind, text: t(key) })));
    const body = element("tbody");
    this._table = element("table", {}, element("caption", { class: "visually-hidden", text: caption }), element("thead", {}, head), body);
    this._empty = element("p", { class: "empty quiet", text: empty });
    this.node = element("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": caption }, this._table, this._empty);
    this._rows = new Rows(
      body,
      () => element("tr", {}, ...columns.map(({ kind }) => element("td", { class: kind }))),
      (row, item) => columns.forEach(({ cell }, place) => fill(row.children[place], cell(item, row.children[place]))),
    );
    this.show([]);
  }

  show(items) {
    this._rows.show(items);
    this._table.hidden = items.length === 0;
    this._empty.hidden = items.length > 0;
  }

  /** Tell something else while there are no rows. */
  tell(text) {
    setText(this._empty, text);
  }
}

/** A cell is given text, or has filled the element by itself and returns nothing. */
function fill(cell, text) {
  if (text !== undefined) setText(cell, text);
}
