// What happens now: the lanes, who listens, and the transcript as it is said.

import { CaptionView } from "../captions.js";
import { Connection } from "../connection.js";
import { element, setText } from "../dom.js";
import { number, seconds, t } from "../i18n.js";
import { roomPath } from "./api.js";
import { laneRows } from "./model.js";
import { choice, fillPill, pill, textOf } from "./parts.js";
import { Table } from "./tables.js";

const SLOW_MS = 6_000; // a span that listeners notice as late

export class LiveTab {
  constructor(api, view) {
    this._api = api;
    this._view = view;
    const { languages } = view.room;
    this._lanes = new Table(
      t("live.lanes"),
      [
        { head: "live.speaker", cell: (lane) => lane.speaker },
        { head: "live.into", cell: (lane) => view.nameOf(lane.target) },
        { head: "live.span", kind: "amount", cell: spanCell },
        { head: "live.state", cell: (lane, cell) => fillPill(cell.firstChild ?? cell.appendChild(pill()), "lane", lane.state) },
        { head: "live.engine", cell: (lane) => [textOf("engine", lane.engine ?? "none"), lane.reason && textOf("why", lane.reason)].filter(Boolean).join(" · ") },
        { head: "live.in_progress", kind: "amount", cell: (lane) => (lane.waiting === null ? "–" : number(lane.waiting)) },
      ],
      t("live.no_lanes"),
    );
    this._count = element("strong", { class: "number", text: "–" });
    this._byLanguage = element("span", { class: "quiet" });
    this._connection = element("span", { class: "quiet", role: "status" });
    this._captions = element("div", { class: "captions live-captions" });
    const language = choice("live-language", [...view.languages], languages[0]);
    this.node = element(
      "div",
      { class: "live" },
      element("section", { class: "stack" }, element("h2", { text: t("live.lanes") }), this._lanes.node,
        element("p", { class: "row listeners" }, element("span", { text: t("live.listeners") }), this._count, this._byLanguage)),
      element("section", { class: "stack" },
        element("div", { class: "row spread" }, element("h2", { text: t("live.transcript") }), element("label", { class: "visually-hidden", for: "live-language", text: t("live.language") }), element("div", { class: "pick" }, language)),
        this._captions, this._connection),
    );
    this._reading = new CaptionView(this._captions, { language: languages[0], twoColumns: true, empty: t("captions.waiting") });
    language.addEventListener("change", () => this._reading.setLanguage(language.value));
    this._sockets = ["captions", "signaling"].map((kind) => this._open(kind));
  }

  close() {
    for (const socket of this._sockets) socket.stop();
  }

  shown() {
    this._reading.follow();
  }

  interpreter(state) {
    this._lanes.show(laneRows(state, this._view.names));
  }

  _open(kind) {
    const socket = new Connection({
      url: async () => {
        const { room_id: roomId } = this._view.room;
        const { ticket } = await this._api.post(roomPath(roomId, "/tickets"), { purpose: kind });
        const url = new URL(`/ws/${kind}/${encodeURIComponent(roomId)}`, location.href);
        url.protocol = url.protocol.replace("http", "ws");
        const after = kind === "captions" ? this._reading.model.position : null;
        url.search = new URLSearchParams({ ticket, close: "4001", ...(after === null ? {} : { after }) }).toString();
        return url.href;
      },
      onMessage: (message, event) => this._received(message, event),
      onState: (state) => {
        if (kind === "captions") setText(this._connection, state === "open" ? "" : state === "stopped" ? t("live.over") : t("live.connecting"));
      },
    });
    socket.start();
    return socket;
  }

  _received(message, kind) {
    if (kind === "caption") this._reading.apply(message);
    else if (kind === "hello" && message.listener_count !== undefined) this._counted(message.listener_count, message.listeners);
    else if (kind === "listener_count") this._counted(message.count, message.by_language);
  }

  _counted(count, byLanguage = {}) {
    setText(this._count, number(count));
    const parts = Object.entries(byLanguage).filter(([, people]) => people > 0);
    setText(this._byLanguage, parts.map(([tag, people]) => `${tag === "floor" ? t("live.floor") : this._view.nameOf(tag)} ${number(people)}`).join(" · "));
  }
}

function spanCell(lane, cell) {
  cell.classList.toggle("late", lane.spanMs !== null && lane.spanMs > SLOW_MS);
  return lane.spanMs === null ? "–" : `${seconds(lane.spanMs)} s`;
}
