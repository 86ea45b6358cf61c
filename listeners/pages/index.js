// The first page: a code leads to a meeting.

import { byId, setText } from "./modules/dom.js";
import { loadTexts, t } from "./modules/i18n.js";

const form = byId("enter");
const code = byId("code");
const hint = byId("code-hint");

const digitsOf = (text) => text.normalize("NFKC").replace(/\D/g, "");

await loadTexts("pages");
document.title = t("brand");

code.addEventListener("input", () => {
  const digits = digitsOf(code.value).slice(0, 6);
  const spaced = digits.length > 3 ? `${digits.slice(0, 3)} ${digits.slice(3)}` : digits;
  if (code.value !== spaced) code.value = spaced;
  tell(false);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const digits = digitsOf(code.value);
  if (digits.length !== 6) {
    tell(true);
    code.focus();
    return;
  }
  location.assign(`/${event.submitter?.value ?? "join"}/${digits}`);
});

function tell(wrong) {
  code.toggleAttribute("aria-invalid", false);
  if (wrong) code.setAttribute("aria-invalid", "true");
  hint.classList.toggle("error", wrong);
  setText(hint, t(wrong ? "home.code_wrong" : "home.code_hint"));
}
