// The bar above: search, language, light or dark, who is logged in.

import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { language, setLanguage, t } from "../base/i18n.js";
import { theme, toggleTheme } from "../base/theme.js";
import { iconButton, menu } from "../base/widgets.js";
import * as api from "./api.js";
import { putAway } from "./compose.js";
import { showKeys } from "./shortcuts.js";
import * as store from "./store.js";
import { hue, initials } from "./words.js";

/** The languages, by their own names. */
function languages() {
  const choice = (/** @type {"en" | "es"} */ name, /** @type {string} */ label) => h("button", {
    type: "button", lang: name, title: label, "aria-label": label,
    "aria-pressed": () => String(language.get() === name), onclick: () => setLanguage(name),
  }, name.toUpperCase());
  return h("div", { class: "languages", role: "group", "aria-label": () => t("language") },
    choice("en", "English"), choice("es", "Español"));
}

/** Language and theme, which also those have who are not logged in. */
export function settings() {
  const button = h("button", {
    type: "button", class: "icon-button theme-button", onclick: toggleTheme,
    "aria-label": () => t(theme.get() === "dark" ? "to_light" : "to_dark"),
    title: () => t(theme.get() === "dark" ? "to_light" : "to_dark"),
  }, () => icon(theme.get() === "dark" ? "sun" : "moon", 18));
  return h("div", { class: "settings" }, languages(), button);
}

/** A phone: one pane at a time. */
const narrow = matchMedia("(max-width: 820px)");

export function headBar() {
  const field = h("input", {
    type: "search", id: "search", class: "search-field",
    placeholder: () => t(narrow.matches ? "search" : "search_hint"),
    "aria-label": () => t("search"), value: () => store.search.get(), enterkeyhint: "search",
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      field.value = "";
      field.blur();
      if (store.search.peek()) store.find("");
    },
  });
  const logOut = async () => {
    if (!await putAway()) return;
    store.over.set(false);
    await api.logOut().catch(() => {});
    store.session.set(null);
  };
  const own = { name: "", address: store.session.peek()?.address ?? "" };
  return h("header", { class: "bar" },
    iconButton("menu", "folders", () => store.pane.set("folders"),
      { class: "icon-button to-folders" }),
    h("a", { class: "brand", href: "/", onclick: (/** @type {Event} */ event) => {
      event.preventDefault();
      store.openFolder("INBOX");
    } }, h("span", { class: "mark" }, icon("message", 18)), h("span", {}, () => t("title"))),
    h("form", { class: "search", role: "search", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      store.find(field.value.trim());
      field.blur();
    } }, icon("search", 17), field),
    settings(),
    iconButton("keys", "keys", showKeys, { class: "icon-button keys-button" }),
    menu({ class: "menu-button who", "aria-label": () => t("account") },
      h("span", { class: "face", style: { "--hue": hue(own) } }, initials(own)),
      () => h("div", { class: "menu-list" },
        h("p", { class: "menu-text" }, store.session.get()?.address ?? ""),
        h("div", { class: "menu-languages" }, languages()),
        h("button", { type: "button", class: "menu-item", onclick: logOut }, t("log_out")))));
}
