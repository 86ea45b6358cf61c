// What the room has used: minutes, tokens and money, in all and by lane.

import { element, setText } from "../dom.js";
import { number, t } from "../i18n.js";
import { explain, roomPath } from "./api.js";
import { Table } from "./tables.js";

const EVERY = 5; // of the polls of the room
const TILES = ["spoken", "interpreted", "tokens", "cost"];

export class UsageTab {
  constructor(api, view) {
    this._api = api;
    this._path = roomPath(view.room.room_id, "/usage");
    this._turn = 0;
    this._tiles = Object.fromEntries(TILES.map((name) => [name, element("strong", { class: "number", text: "–" })]));
    this._table = new Table(
      t("tab.usage"),
      [
        { head: "live.speaker", cell: (lane) => view.names.get(lane.speaker_id) ?? lane.speaker_id },
        { head: "live.into", cell: (lane) => view.nameOf(lane.target) },
        { head: "usage.utterances", kind: "amount", cell: (lane) => number(Object.values(lane.utterances).reduce((sum, count) => sum + count, 0)) },
        { head: "usage.spoken", kind: "amount", cell: (lane) => minutes(lane.spoken_minutes) },
        { head: "usage.tokens", kind: "amount", cell: (lane) => number(total(lane.tokens)) },
        { head: "usage.cost", kind: "amount", cell: (lane) => money(lane.cost, this._currency) },
      ],
      t("rooms.loading"),
    );
    this.node = element(
      "div",
      { class: "stack" },
      element("div", { class: "tiles" }, ...TILES.map((name) => element("div", { class: "tile" }, this._tiles[name], element("span", { text: t(`usage.${name}`) })))),
      this._table.node,
      element("p", { class: "quiet", text: t("usage.lead") }),
    );
  }

  async shown() {
    this._turn = 0;
    await this.refresh();
  }

  async refresh() {
    if (this._turn++ % EVERY !== 0) return;
    try {
      const usage = await this._api.get(this._path);
      this._currency = usage.currency;
      setText(this._tiles.spoken, minutes(usage.spoken_minutes));
      setText(this._tiles.interpreted, minutes(usage.interpreted_minutes));
      setText(this._tiles.tokens, number(total(usage.tokens)));
      setText(this._tiles.cost, money(usage.cost, usage.currency));
      this._table.tell(t("usage.none"));
      this._table.show(usage.lanes.map((lane) => ({ ...lane, key: `${lane.speaker_id} ${lane.source} ${lane.target}` })));
    } catch (error) {
      this._table.tell(explain(error, t));
    }
  }
}

const total = (tokens) => Object.values(tokens).reduce((sum, count) => sum + count, 0);

const minutes = (value) => number(value, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

function money(cost, currency) {
  if (cost === null || cost === undefined) return "–";
  return number(cost, { style: "currency", currency: currency ?? "USD", maximumFractionDigits: 4, minimumFractionDigits: 2 });
}
