// What a person sees where there is nothing, in the person's language.

import { byId, setText } from "./modules/dom.js";
import { loadTexts, t } from "./modules/i18n.js";

await loadTexts("pages");
document.title = t("lost.title");
if (/^\/((join|listen|listener)\/|speaker$)/.test(location.pathname)) {
  setText(byId("title"), t("lost.room_title"));
  setText(byId("why"), t("lost.room_why"));
}
