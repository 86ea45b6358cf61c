// The ledger: what became of each utterance, and why.

import { element, setText } from "../dom.js";
import { number, seconds, t } from "../i18n.js";
import { explain, roomPath } from "./api.js";
import { FINAL_STATES, ledgerOf } from "./model.js";
import { button, choice, download, fillPill, Notice, pill, textOf } from "./parts.js";
import { Table } from "./tables.js";

const EVERY = 3; // of the polls of the room
const MOST = 200; // rows that are shown
const FORMATS = { txt: "text/plain", vtt: "text/vtt", srt: "application/x-subrip", json: "application/json" };

export class LedgerTab {
  constructor(api, view) {
    this._api = api;
    this._view = view;
    this._turn = 0;
    this._state = "";
    this._notice = new Notice();
    this._filters = FINAL_STATES.map((state) => {
      const count = element("strong", { class: "number", text: "–" });
      const made = element("button", { type: "button", class: "tile", "aria-pressed": "false" }, count, element("span", { text: t(`ledger_state.${state}`) }));
      made.addEventListener("click", () => this._filter(state));
      return { state, made, count };
    });
    this._table = new Table(
      t("tab.ledger"),
      [
        { head: "ledger.when", kind: "amount", cell: (row) => new Date(row.closedAtMs).toLocaleTimeString(document.documentElement.lang) },
        { head: "live.speaker", cell: (row) => row.speaker },
        { head: "live.into", cell: (row) => view.nameOf(row.target) },
        { head: "live.state", cell: (row, cell) => fillPill(cell.firstChild ?? cell.appendChild(pill()), "ledger_state", row.state) },
        { head: "ledger.why", cell: (row) => [row.reason && textOf("why", row.reason), ...row.faults.map((fault) => textOf("fault", fault))].filter(Boolean).join(", ") },
        { head: "live.span", kind: "amount", cell: (row) => (row.spanMs === null ? "–" : `${seconds(row.spanMs)} s`) },
        { head: "ledger.text", kind: "words", cell: (row, cell) => ((cell.dir = "auto"), row.text) },
      ],
      t("rooms.loading"),
    );
    const format = choice("ledger-format", Object.keys(FORMATS).map((name) => [name, name.toUpperCase()]), "txt");
    const save = button(t("ledger.save"));
    save.addEventListener("click", () => this._save(format.value));
    this.node = element(
      "div",
      { class: "stack" },
      element("div", { class: "tiles" }, ...this._filters.map(({ made }) => made)),
      this._table.node,
      element("div", { class: "row" }, element("label", { class: "visually-hidden", for: "ledger-format", text: t("ledger.format") }), element("div", { class: "pick" }, format), save, this._notice.node),
    );
  }

  async shown() {
    this._turn = 0;
    await this.refresh();
  }

  async refresh() {
    if (this._turn++ % EVERY !== 0) return;
    try {
      const transcript = await this._api.get(roomPath(this._view.room.room_id, "/transcript?format=json"));
      this._ledger = ledgerOf(transcript, this._view.names);
      this._table.tell(t("ledger.none"));
      this._show();
    } catch (error) {
      this._table.tell(explain(error, t));
    }
  }

  _filter(state) {
    this._state = this._state === state ? "" : state;
    this._show();
  }

  _show() {
    for (const { state, made, count } of this._filters) {
      made.setAttribute("aria-pressed", String(state === this._state));
      setText(count, number(this._ledger?.counts[state] ?? 0));
    }
    const rows = this._ledger?.rows ?? [];
    this._table.show(rows.filter((row) => !this._state || row.state === this._state).slice(0, MOST));
  }

  async _save(format) {
    const { room_id: roomId, name } = this._view.room;
    try {
      const { data } = await this._api.request("GET", roomPath(roomId, `/transcript?format=${format}`));
      const text = typeof data === "string" ? data : JSON.stringify(data, null, 2);
      download(`${name.replace(/[^\p{L}\p{N} _-]/gu, "").trim() || "transcript"}.${format}`, text, FORMATS[format]);
      this._notice.say("");
    } catch (error) {
      this._notice.say(explain(error, t), true);
    }
  }
}
