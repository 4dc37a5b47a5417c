// Above the ladder: the filter with its help, decisions on or off, export.

import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { number } from "../base/format.js";
import { either, t } from "../base/i18n.js";
import { effect } from "../base/signal.js";
import { remember } from "../base/storage.js";
import { dialog, iconButton, menu } from "../base/widgets.js";
import * as api from "../model/api.js";
import { setFilter } from "../model/source.js";
import * as store from "../model/store.js";

/** @param {boolean} on */
export function setNotesShown(on) {
  remember("notes", on ? "yes" : "no");
  store.notesShown.set(on);
}

export function filterField() {
  const input = h("input", {
    id: "filter", type: "text", autocomplete: "off", spellcheck: "false", class: "mono",
    placeholder: () => t("filter_example"), "aria-label": () => t("filter"),
    "aria-invalid": () => String(store.mistake.get() !== null), "aria-describedby": "filter-error",
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") input.blur();
    },
    oninput: () => store.mistake.set(null),
  });
  effect(() => {
    input.value = store.filterText.get();
  });
  effect(() => {
    // Also one that came with a link.
    const wrong = store.mistake.get();
    if (wrong) input.value = wrong.text;
  });
  const apply = (/** @type {Event} */ event) => {
    event.preventDefault();
    setFilter(input.value.trim()).catch(store.complain);
  };
  return h("form", { class: "filter", role: "search", onsubmit: apply },
    icon("filter", 14), input,
    h("button", {
      type: "button", class: "icon-button", hidden: () => !store.filterText.get(),
      "aria-label": () => t("filter_clear"), title: () => t("filter_clear"),
      onclick: () => setFilter("").catch(store.complain),
    }, icon("close", 13)),
    iconButton("help", "filter_help", help),
    h("p", { id: "filter-error", class: "filter-error", hidden: () => !store.mistake.get() },
      () => store.mistake.get() && t("filter_error", {
        column: store.mistake.get()?.column ?? 0, message: either(store.mistake.get()?.message),
      })));
}

async function help() {
  try {
    const answer = await api.filter("", null);
    dialog(t("filter_help"), [
      h("p", {}, t("filter_lead")),
      h("table", { class: "keys-table" }, h("tbody", {}, answer.help.map(helpLine))),
    ]);
  } catch (error) {
    store.complain(error);
  }
}

/** One example; a click puts it into the field.
 * @param {{ example: string, meaning: { en: string, es: string } }} line */
function helpLine({ example, meaning }) {
  return h("tr", {}, h("th", { scope: "row" }, h("button", {
    type: "button", class: "command", onclick: (/** @type {any} */ event) => {
      event.target.closest("dialog").close();
      setFilter(example).catch(store.complain);
    },
  }, h("code", {}, example))), h("td", {}, either(meaning)));
}

export function notesToggle() {
  return h("button", {
    type: "button", class: "toggle", "aria-pressed": () => String(store.notesShown.get()),
    title: () => t("notes_hint"), onclick: () => setNotesShown(!store.notesShown.peek()),
  }, () => t("notes"));
}

export function exportMenu() {
  const kinds = ["pcapng", "jsonl", "mermaid"];
  return menu({ class: "icon-button", "aria-label": () => t("export"), title: () => t("export") },
    icon("download"), (close) => {
      const run = store.view.peek() === "run" ? store.run.peek()?.id ?? null : null;
      const gone = run ? 0 : store.log.peek().forgotten;
      const words = t("export_gone", { count: number(gone) });
      const note = gone > 0 ? h("p", { class: "menu-text" }, words) : [];
      return h("div", { class: "menu-list" }, note, kinds.map((kind) => h("a", {
        class: "menu-item", download: "", onclick: close,
        href: api.exportAddress(kind, store.filterText.peek(), run),
      }, h("b", {}, t(`export_${kind}`)), h("small", {}, t(`export_${kind}_hint`)))));
    });
}
