// The console: the key first, then rooms on one side and one of them on the other. The address names the room, never the key.

import { AdminApi, explain } from "./modules/console/api.js";
import { CreateRoom } from "./modules/console/create_room.js";
import { RefusalsView } from "./modules/console/refusals.js";
import { RoomList } from "./modules/console/room_list.js";
import { RoomView } from "./modules/console/room.js";
import { byId, element, setText } from "./modules/dom.js";
import { loadTexts, t } from "./modules/i18n.js";

const form = byId("unlock");
const input = byId("key");
const hint = byId("key-hint");
const rooms = byId("rooms");
const view = byId("view");

let api = null;
let list = null;
let shown = null; // the view that is open: has `node`, and `close()`

await loadTexts("pages", "console");
document.title = t("console.title");
input.focus();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const candidate = new AdminApi(input.value.trim());
  const submit = form.querySelector("button");
  submit.disabled = true;
  tell(t("key.checking"));
  try {
    await candidate.get("/api/rooms?limit=1");
  } catch (error) {
    tell(explain(error, t), true);
    submit.disabled = false;
    input.select();
    return;
  }
  submit.disabled = false;
  input.value = "";
  open(candidate);
});

input.addEventListener("input", () => tell(t("key.hint")));

function tell(text, wrong = false) {
  hint.classList.toggle("error", wrong);
  input.toggleAttribute("aria-invalid", false);
  if (wrong) input.setAttribute("aria-invalid", "true");
  setText(hint, text);
}

function open(unlocked) {
  api = unlocked;
  form.hidden = true;
  for (const node of [rooms, view, byId("lock"), byId("show-refusals")]) node.hidden = false;
  list = new RoomList(api, { onNew: () => (location.hash = "#/new") });
  rooms.replaceChildren(list.node);
  list.load();
  route(true);
}

function lock() {
  api = null;
  shown?.close?.();
  shown = null;
  list.close();
  for (const node of [rooms, view]) {
    node.replaceChildren();
    node.hidden = true;
  }
  byId("lock").hidden = byId("show-refusals").hidden = true;
  form.hidden = false;
  tell(t("key.hint"));
  input.focus();
}

function route(first = false) {
  if (!api) return;
  shown?.close?.();
  const [, kind, id] = location.hash.split("/");
  if (kind === "new") {
    shown = new CreateRoom(api, {
      onCreated: (room) => {
        list.load();
        location.hash = `#/rooms/${room.room_id}/share`;
      },
    });
  } else if (kind === "refusals") {
    shown = new RefusalsView(api);
  } else if (kind === "rooms" && id) {
    const [, , , tab] = location.hash.split("/");
    shown = new RoomView(api, decodeURIComponent(id), tab, {
      onDeleted: () => {
        list.load();
        location.hash = "";
      },
    });
  } else {
    shown = { node: element("p", { class: "captions-empty", text: t("rooms.choose") }) };
  }
  const detail = kind === "new" || kind === "refusals" || (kind === "rooms" && id);
  byId("main").classList.toggle("in-detail", Boolean(detail));
  list.select(kind === "rooms" ? decodeURIComponent(id ?? "") : null);
  const back = element("a", { class: "back", href: "#/", text: t("rooms.back") });
  view.replaceChildren(...(detail ? [back] : []), shown.node);
  if (!first && detail) view.focus();
}

addEventListener("hashchange", () => route());
byId("lock").addEventListener("click", lock);
byId("show-refusals").addEventListener("click", () => (location.hash = "#/refusals"));
