// What the keys do, and the list of them.

import { h } from "../base/dom.js";
import { language, setLanguage, t } from "../base/i18n.js";
import { bind, bindings, startKeys } from "../base/keys.js";
import { toggleTheme } from "../base/theme.js";
import { dialog } from "../base/widgets.js";
import * as player from "../model/player.js";
import { toggle } from "../model/source.js";
import * as store from "../model/store.js";
import { setNotesShown } from "./ladder-tools.js";
import { showTab } from "./tabs.js";

/** How a key is written in the list. */
const NAMES = /** @type {Record<string, string>} */ ({
  " ": "␣", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc",
});

/** @param {string} id */
function focusPanel(id) {
  showTab(id);
  const panel = document.getElementById(id);
  const target = panel?.querySelector("[tabindex='0']") ?? panel?.querySelector("button, input, a");
  // An empty panel is reached all the same: what it says is read aloud.
  /** @type {HTMLElement | null | undefined} */ (target ?? panel)?.focus();
}

export function startShortcuts() {
  bind([" "], "key_play", toggle);
  bind(["ArrowRight"], "key_step", () => player.step(1));
  bind(["ArrowLeft"], "key_back", () => player.step(-1));
  bind(["ArrowDown", "j"], "key_next", () => player.choose(1));
  bind(["ArrowUp", "k"], "key_previous", () => player.choose(-1));
  bind(["Home"], "key_start", player.toStart);
  bind(["End"], "key_end", player.toEnd);
  bind(["+", "="], "key_faster", () => player.changeSpeed(1));
  bind(["-"], "key_slower", () => player.changeSpeed(-1));
  bind(["/"], "key_filter", () => document.getElementById("filter")?.focus());
  bind(["n"], "key_notes", () => setNotesShown(!store.notesShown.peek()));
  ["story", "causes", "map", "ladder", "message", "state"].forEach((id, index) => {
    bind([String(index + 1)], `key_${id}`, () => focusPanel(id));
  });
  bind(["t"], "key_theme", toggleTheme);
  bind(["l"], "key_language", () => setLanguage(language.peek() === "en" ? "es" : "en"));
  bind(["Escape"], "key_escape", () => {
    store.chosenHost.set(-1);
    store.chosenPair.set(null);
    store.selected.set(0);
  });
  bind(["?"], "key_help", keysDialog);
  startKeys();
}

export function keysDialog() {
  dialog(t("keys"), h("table", { class: "keys-table" }, h("tbody", {},
    bindings.map(({ keys, text }) => h("tr", {},
      h("th", { scope: "row" }, keys.map((key) => h("kbd", {}, NAMES[key] ?? key))),
      h("td", {}, t(text)))))));
}
