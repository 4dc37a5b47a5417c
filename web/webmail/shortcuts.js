// The keys, and the list of them.

import { h } from "../base/dom.js";
import { bind, bindings, startKeys } from "../base/keys.js";
import { t } from "../base/i18n.js";
import { dialog } from "../base/widgets.js";
import { compose, openOrEdit } from "./compose.js";
import { chooseFolder } from "./folders.js";
import * as marks from "./marks.js";
import * as store from "./store.js";

/** @param {(row: import("./api.js").Row) => void} run */
const onRow = (run) => () => {
  const row = store.current();
  if (row) run(row);
};
/** @param {(rows: import("./api.js").Row[]) => void} run */
const onRows = (run) => () => {
  const rows = store.actedOn();
  if (rows.length > 0) run(rows);
};
/** @param {(message: import("./api.js").Message) => void} run */
const onOpen = (run) => () => {
  const message = store.open.peek();
  if (message) run(message);
};

export function startShortcuts() {
  bind(["j", "ArrowDown"], "key_next", () => store.step(1));
  bind(["k", "ArrowUp"], "key_previous", () => store.step(-1));
  bind(["o", "Enter"], "key_open", onRow(openOrEdit));
  bind(["u", "Escape"], "key_back", () => {
    if (store.markedRows().length > 0) marks.clear();
    else store.closeMessage();
  });
  bind(["c"], "key_compose", () => compose());
  bind(["r"], "key_reply", onOpen((reply) => compose({ reply })));
  bind(["a"], "key_reply_all", onOpen((reply) => compose({ reply, all: true })));
  bind(["f"], "key_forward", onOpen((forward) => compose({ forward })));
  bind(["e"], "key_archive", onRows(store.archiveRows));
  bind(["v"], "key_move", onRows(chooseFolder));
  bind(["#", "Delete"], "key_delete", onRows(store.removeRows));
  bind(["z"], "key_undo", store.undoLast);
  bind(["x"], "key_thread", onRow(store.toggleThread));
  bind(["s"], "key_star", onRow(store.toggleStar));
  bind(["m"], "key_mark", onRow(store.toggleMark));
  bind(["U"], "key_unread", onRows((rows) => store.markSeen(rows, false)));
  bind(["/"], "key_search", () => document.getElementById("search")?.focus());
  bind(["?"], "key_help", showKeys);
  startKeys();
}

/** @type {Record<string, string>} */
const SHOWN = { ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc", Enter: "↵", Delete: "Del" };

export function showKeys() {
  dialog(t("keys"), h("table", { class: "keys-table" },
    ...[...bindings, { keys: ["Ctrl ↵"], text: "key_send" }].map(({ keys, text }) => h("tr", {},
      h("th", { scope: "row" }, keys.map((key) => h("kbd", {}, SHOWN[key] ?? key))),
      h("td", {}, t(text))))));
}
