// One room: its state and what can be done with the interpreter, and tabs for the rest.

import { element, nameOf, setText } from "../dom.js";
import { languageChoices, languageName, t } from "../i18n.js";
import { explain, roomPath } from "./api.js";
import { GlossaryTab } from "./glossary.js";
import { LedgerTab } from "./ledger.js";
import { LiveTab } from "./live.js";
import { allowedActions, namesOf } from "./model.js";
import { button, fillPill, Notice, pill, textOf } from "./parts.js";
import { ShareTab } from "./share.js";
import { UsageTab } from "./usage.js";

const EVERY_MS = 2_000;
const TABS = { live: LiveTab, ledger: LedgerTab, glossary: GlossaryTab, usage: UsageTab, share: ShareTab };
const ACTIONS = ["start", "pause", "hush", "stop"];

export class RoomView {
  constructor(api, roomId, tab, { onDeleted }) {
    this._api = api;
    this._roomId = roomId;
    this._onDeleted = onDeleted;
    this._wanted = tab in TABS ? tab : "live";
    this._tabs = new Map();
    this._closed = false;
    this.node = element("div", { class: "stack room" }, element("p", { class: "empty quiet", role: "status", text: t("rooms.loading") }));
    this._load();
  }

  close() {
    this._closed = true;
    clearTimeout(this._timer);
    for (const tab of this._tabs.values()) tab.close?.();
  }

  async _load() {
    try {
      this.room = await this._api.get(roomPath(this._roomId));
    } catch (error) {
      this.node.replaceChildren(element("p", { class: "notice problem", role: "alert", text: explain(error, t) }));
      return;
    }
    if (this._closed) return;
    this.names = namesOf(this.room);
    this.languages = new Map(languageChoices(this.room.languages).map(({ tag, name }) => [tag, name]));
    this._build();
    this._poll();
  }

  _build() {
    this._status = pill();
    this._reason = element("span", { class: "quiet" });
    this._notice = new Notice();
    this._buttons = Object.fromEntries(
      ACTIONS.map((action) => {
        const made = button(t(`action.${action}`), { disabled: true, ...(action === "stop" ? { class: "danger" } : {}) });
        made.addEventListener("click", () => this._command(made.dataset.action ?? action));
        return [action, made];
      }),
    );
    const languages = [...this.languages.values()].join(" · ");
    const mode = textOf("mode", this.room.mode);
    this._list = element("div", { class: "tabs", role: "tablist", "aria-label": t("tab.label") });
    this._panel = element("div", { class: "panel", role: "tabpanel", id: "panel" });
    for (const name of Object.keys(TABS)) {
      const tab = button(t(`tab.${name}`), { role: "tab", id: `tab-${name}`, "aria-controls": "panel" });
      tab.addEventListener("click", () => this._show(name));
      this._list.append(tab);
    }
    this._list.addEventListener("keydown", (event) => this._walk(event));
    this.node.replaceChildren(
      element("header", { class: "stack snug" }, element("h1", {}, nameOf(this.room.name)), element("p", { class: "quiet", text: `${languages} — ${mode}` })),
      element("div", { class: "row control" }, this._status, ...Object.values(this._buttons)),
      element("div", { class: "row told" }, this._reason, this._notice.node),
      this._list,
      this._panel,
    );
    this._show(this._wanted);
  }

  _show(name) {
    this.shown = name;
    for (const tab of this._list.children) {
      const selected = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      if (selected) requestAnimationFrame(() => tab.scrollIntoView({ block: "nearest", inline: "nearest" })); // on a phone
    }
    this._panel.setAttribute("aria-labelledby", `tab-${name}`);
    let tab = this._tabs.get(name);
    if (!tab) this._tabs.set(name, (tab = new TABS[name](this._api, this)));
    this._panel.replaceChildren(tab.node);
    tab.shown?.();
    if (this._interpreter) tab.interpreter?.(this._interpreter);
    history.replaceState(null, "", `#/rooms/${encodeURIComponent(this._roomId)}/${name}`);
  }

  /** Arrow keys go from tab to tab, as screen readers announce it. */
  _walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const names = Object.keys(TABS);
    const turned = document.documentElement.dir === "rtl" ? -step : step;
    const next = names[(names.indexOf(this.shown) + turned + names.length) % names.length];
    this._show(next);
    this._list.querySelector(`#tab-${next}`).focus();
  }

  async _poll() {
    if (document.visibilityState === "visible") {
      try {
        this._told(await this._api.get(roomPath(this._roomId, "/interpreter")));
        await this._tabs.get(this.shown)?.refresh?.();
        if (this._lost) this._notice.say("");
        this._lost = false;
      } catch (error) {
        this._notice.say(explain(error, t), true);
        this._lost = true;
      }
    }
    if (!this._closed) this._timer = setTimeout(() => this._poll(), EVERY_MS);
  }

  _told(interpreter) {
    if (this._closed) return;
    this._interpreter = interpreter;
    fillPill(this._status, "status", interpreter.status);
    setText(this._reason, interpreter.reason ? textOf("why", interpreter.reason) : "");
    const allowed = allowedActions(interpreter.status);
    const { pause } = this._buttons;
    pause.dataset.action = allowed.resume ? "resume" : "pause";
    setText(pause, t(`action.${pause.dataset.action}`));
    for (const [action, made] of Object.entries(this._buttons)) made.disabled = !allowed[made.dataset.action ?? action];
    for (const tab of this._tabs.values()) tab.interpreter?.(interpreter);
  }

  async _command(action) {
    this._notice.say(t("action.asked"));
    try {
      this._told(await this._api.post(roomPath(this._roomId, "/interpreter"), { action }));
      this._notice.say("");
    } catch (error) {
      this._notice.say(explain(error, t), true);
    }
  }

  /** Name of a language, as short as the room's languages allow. */
  nameOf(tag) {
    return this.languages.get(tag) ?? languageName(tag);
  }

  /** Delete the room, once people have said twice that they want it. */
  async remove() {
    await this._api.request("DELETE", roomPath(this._roomId));
    this._onDeleted();
  }
}
