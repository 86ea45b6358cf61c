// The rooms, newest first, and a button for another one.

import { element, nameOf, setText } from "../dom.js";
import { languageName, t, timeOfDay } from "../i18n.js";
import { allItems, explain } from "./api.js";
import { button } from "./parts.js";
import { Rows } from "./rows.js";

const EVERY_MS = 20_000;

export class RoomList {
  constructor(api, { onNew }) {
    this._api = api;
    this._selected = null;
    this._items = [];
    this._list = element("ul", { class: "room-list" });
    this._state = element("p", { class: "empty quiet", role: "status", text: t("rooms.loading") });
    this._filter = element("input", { id: "room-filter", type: "search", autocomplete: "off", placeholder: t("rooms.filter"), "aria-label": t("rooms.filter") });
    const create = button(t("rooms.new"), { class: "primary" });
    create.addEventListener("click", onNew);
    this._filter.addEventListener("input", () => this._show());
    const head = element("div", { class: "row spread" }, element("h1", { text: t("rooms.title") }), create);
    this.node = element("div", { class: "stack" }, head, this._filter, this._state, this._list);
    this._rows = new Rows(
      this._list,
      () => {
        const link = element("a", {}, nameOf(""), element("span", { class: "quiet" }));
        return element("li", {}, link);
      },
      (row, room) => this._fill(row, room),
    );
    this._timer = setInterval(() => document.visibilityState === "visible" && this.load(), EVERY_MS);
  }

  async load() {
    try {
      this._items = await allItems(this._api, "/api/rooms?sort=-created_at&limit=200");
    } catch (error) {
      setText(this._state, explain(error, t));
      this._state.hidden = false;
      this._state.classList.add("error");
      return;
    }
    this._state.classList.remove("error");
    this._show();
  }

  select(roomId) {
    this._selected = roomId;
    this._show();
  }

  close() {
    clearInterval(this._timer);
  }

  _show() {
    const part = this._filter.value.trim().toLocaleLowerCase();
    const found = this._items.filter(({ name, join_code: code }) => name.toLocaleLowerCase().includes(part) || code === part);
    this._rows.show(found, (room) => room.room_id);
    if (this._items.length > 0) setText(this._state, t("rooms.none_found"));
    else if (!this._state.classList.contains("error") && this._items !== this._first) setText(this._state, t("rooms.none"));
    this._state.hidden = found.length > 0;
    this._filter.hidden = this._items.length < 6;
  }

  _fill(row, room) {
    const [link] = row.children;
    link.href = `#/rooms/${encodeURIComponent(room.room_id)}`;
    if (room.room_id === this._selected) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    setText(link.firstChild, nameOf(room.name).textContent);
    const created = Date.parse(room.created_at);
    const day = new Date(created).toLocaleDateString(document.documentElement.lang, { day: "numeric", month: "short" });
    const languages = room.languages.map((tag) => languageName(tag.split("-")[0])).join(", ");
    setText(link.lastChild, `${day} ${timeOfDay(created)} · ${languages}`);
  }
}
