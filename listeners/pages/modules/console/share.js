// Links to the room and their QR codes, and a link of their own for each person on the roster.

import { element, nameOf } from "../dom.js";
import { t } from "../i18n.js";
import { explain, roomPath } from "./api.js";
import { linksOf } from "./model.js";
import { button, Notice, qrPicture, textOf } from "./parts.js";

export class ShareTab {
  constructor(api, view) {
    this._api = api;
    this._view = view;
    const { room } = view;
    this._notice = new Notice();
    const links = linksOf(room, location.origin);
    const code = `${room.join_code.slice(0, 3)} ${room.join_code.slice(3)}`;
    const people = room.participants.map((one) => this._person(one));
    this.node = element(
      "div",
      { class: "stack" },
      element("p", { class: "join-code" }, element("span", { class: "quiet", text: t("share.code") }), element("strong", { class: "number", text: code, dir: "ltr" })),
      element("div", { class: "links" }, this._link("join", links.join), this._link("listen", links.listen)),
      element("h2", { text: t("share.people") }),
      people.length > 0 ? element("ul", { class: "roster" }, ...people) : element("p", { class: "empty quiet", text: t("share.nobody") }),
      this._notice.node,
      element("hr"),
      this._removal(),
    );
  }

  _link(kind, address) {
    const copy = button(t("share.copy"), { "aria-label": `${t("share.copy")}: ${t(`share.${kind}`)}` });
    copy.addEventListener("click", () => this._copy(address));
    return element(
      "figure",
      { class: "card link" },
      qrPicture(address, t("share.qr", { address })),
      element("figcaption", { class: "stack snug" }, element("h2", { text: t(`share.${kind}`) }), element("a", { href: address, target: "_blank", rel: "noopener", text: address, dir: "ltr" }), copy),
    );
  }

  _person(one) {
    const shown = element("div", { class: "own-link", hidden: true });
    const make = button(t("share.own"));
    make.addEventListener("click", async () => {
      try {
        const { room_id: roomId, join_code: code } = this._view.room;
        const { ticket } = await this._api.post(roomPath(roomId, "/tickets"), { purpose: "speak", participant_id: one.participant_id });
        const page = one.role === "Presenter" ? "speaker" : `join/${code}`;
        const address = `${location.origin}/${page}#ticket=${ticket}`;
        shown.replaceChildren(qrPicture(address, t("share.own_qr")));
        shown.hidden = false;
        await this._copy(address, t("share.own_copied"));
      } catch (error) {
        this._notice.say(explain(error, t), true);
      }
    });
    const languages = one.speaks === one.hears || one.speaks === "auto" ? [one.hears] : [one.speaks, one.hears];
    return element(
      "li",
      {},
      element("div", { class: "grow" }, nameOf(one.display_name), element("span", { class: "quiet", text: `${textOf("role", one.role)} · ${languages.map((tag) => this._view.nameOf(tag)).join(" → ")}` })),
      make,
      shown,
    );
  }

  _removal() {
    const ask = button(t("share.delete"), { class: "danger" });
    const really = button(t("share.delete_really"), { class: "danger", hidden: true });
    ask.addEventListener("click", () => {
      ask.hidden = true;
      really.hidden = false;
      really.focus();
    });
    really.addEventListener("click", () => this._view.remove().catch((error) => this._notice.say(explain(error, t), true)));
    return element("div", { class: "row" }, ask, really, element("span", { class: "quiet", text: t("share.delete_lead") }));
  }

  async _copy(address, said = t("share.copied")) {
    try {
      await navigator.clipboard.writeText(address);
      this._notice.say(said);
    } catch {
      this._notice.say(address); // a page without https may not copy: it can be selected here
    }
  }
}
