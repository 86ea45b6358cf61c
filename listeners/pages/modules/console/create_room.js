// The form that creates a room.

import { element, setText } from "../dom.js";
import { languageName, t } from "../i18n.js";
import { explain } from "./api.js";
import { languageTag, newRoomBody } from "./model.js";
import { button, choice, field, Notice } from "./parts.js";

const OFFERED = ["en-US", "es-ES", "de-DE", "fr-FR", "pt-BR", "it-IT", "ja-JP", "ar-SA", "zh-CN", "ko-KR", "hi-IN", "nl-NL", "pl-PL", "tr-TR", "uk-UA"];

export class CreateRoom {
  constructor(api, { onCreated }) {
    this._api = api;
    this._onCreated = onCreated;
    this._languages = ["en-US", "es-ES"];
    this._name = element("input", { id: "new-name", maxlength: 256, autocomplete: "off", required: true });
    this._tag = element("input", { id: "new-language", list: "offered-languages", autocomplete: "off", spellcheck: "false", placeholder: "de-DE", dir: "ltr", maxlength: 64 });
    this._chips = element("ul", { class: "chips", "aria-label": t("create.languages") });
    this._media = choice("new-media", [["web", t("create.media_web")], ["acs", t("create.media_acs")]], "web");
    this._mode = choice("new-mode", [["", t("create.mode_auto")], ["consecutive", t("create.mode_consecutive")], ["simultaneous", t("create.mode_simultaneous")]], "");
    this._guests = element("input", { id: "new-guests", type: "checkbox", checked: true });
    this._people = element("div", { class: "invited" });
    this._notice = new Notice();
    this._submit = element("button", { class: "primary", type: "submit", text: t("create.submit") });
    const add = button(t("create.add_language"));
    const addPerson = button(t("create.add_person"));
    const offered = element("datalist", { id: "offered-languages" }, ...OFFERED.map((tag) => element("option", { value: tag, label: languageName(tag) })));
    this.node = element(
      "form",
      { class: "card create", novalidate: true, autocomplete: "off" },
      element("h1", { text: t("create.title") }),
      field(t("create.name"), this._name),
      element(
        "fieldset",
        { class: "stack snug" },
        element("legend", { class: "label", text: t("create.languages") }),
        this._chips,
        element("div", { class: "row nowrap" }, element("label", { class: "visually-hidden", for: "new-language", text: t("create.language_tag") }), this._tag, add, offered),
      ),
      element("div", { class: "two" }, field(t("create.media"), this._media), field(t("create.mode"), this._mode)),
      element("label", { class: "choice" }, this._guests, element("span", { text: t("create.guests") })),
      element("fieldset", { class: "stack snug" }, element("legend", { class: "label", text: t("create.people") }), this._people, element("div", {}, addPerson)),
      this._notice.node,
      element("div", {}, this._submit),
    );
    add.addEventListener("click", () => this._addLanguage());
    this._tag.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      this._addLanguage();
    });
    addPerson.addEventListener("click", () => this._addPerson().querySelector("input").focus());
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this._create();
    });
    this._showLanguages();
  }

  _addLanguage() {
    const tag = languageTag(this._tag.value);
    if (tag === null) {
      this._notice.say(t("create.language_wrong"), true);
      this._tag.focus();
      return;
    }
    this._notice.say("");
    this._tag.value = "";
    if (!this._languages.includes(tag)) this._languages.push(tag);
    this._showLanguages();
    this._tag.focus();
  }

  _showLanguages() {
    this._chips.replaceChildren(
      ...this._languages.map((tag) => {
        const remove = button("×", { class: "remove", "aria-label": t("create.remove", { name: languageName(tag) }) });
        remove.addEventListener("click", () => {
          this._languages = this._languages.filter((one) => one !== tag);
          this._showLanguages();
          this._tag.focus();
        });
        return element("li", {}, element("span", { text: languageName(tag) }), remove);
      }),
    );
    for (const person of this._people.children) fillLanguages(person, this._languages);
  }

  _addPerson() {
    const name = element("input", { autocomplete: "off", maxlength: 256, placeholder: t("create.person_name"), "aria-label": t("create.person_name") });
    const speaks = element("select", { class: "speaks", "aria-label": t("create.person_speaks") });
    const hears = element("select", { class: "hears", "aria-label": t("create.person_hears") });
    const role = choice(null, [["Presenter", t("role.Presenter")], ["Attendee", t("role.Attendee")]], "Presenter");
    role.removeAttribute("id");
    role.className = "role";
    role.setAttribute("aria-label", t("create.person_role"));
    const remove = button("×", { class: "icon plain", "aria-label": t("create.remove_person") });
    const person = element("div", { class: "invitee" }, name, speaks, hears, role, remove);
    remove.addEventListener("click", () => person.remove());
    fillLanguages(person, this._languages);
    this._people.append(person);
    return person;
  }

  async _create() {
    const problem = !this._name.value.trim() ? t("create.name_missing") : this._languages.length < 2 ? t("create.two_languages") : "";
    if (problem) {
      this._notice.say(problem, true);
      (this._languages.length < 2 ? this._tag : this._name).focus();
      return;
    }
    this._submit.disabled = true;
    setText(this._submit, t("create.creating"));
    try {
      const participants = [...this._people.children].map((person) => ({
        name: person.querySelector("input").value,
        speaks: person.querySelector(".speaks").value,
        hears: person.querySelector(".hears").value,
        role: person.querySelector(".role").value,
      }));
      this._onCreated(
        await this._api.post(
          "/api/rooms",
          newRoomBody({
            name: this._name.value,
            languages: this._languages,
            mode: this._mode.value,
            media: this._media.value,
            guests: this._guests.checked,
            participants,
          }),
        ),
      );
    } catch (error) {
      this._notice.say(explain(error, t), true);
      this._submit.disabled = false;
      setText(this._submit, t("create.submit"));
    }
  }
}

function fillLanguages(person, languages) {
  for (const [kind, first] of [["speaks", ["auto", t("create.speaks_auto")]], ["hears", ["", t("create.hears_same")]]]) {
    const select = person.querySelector(`.${kind}`);
    const before = select.value;
    const prefix = t(kind === "speaks" ? "create.speaks_prefix" : "create.hears_prefix");
    select.replaceChildren(
      ...[first, ...languages.map((tag) => [tag, languageName(tag)])].map(([value, text]) =>
        element("option", { value, text: `${prefix} ${text}` }),
      ),
    );
    if (before && [...select.options].some((option) => option.value === before)) select.value = before;
  }
}
