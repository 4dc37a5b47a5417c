// One connection from its first word to its last: what each side said, line by line, with
// the codes explained (course M5).

import { h } from "../base/dom.js";
import { moment } from "../base/format.js";
import { known, t } from "../base/i18n.js";
import { dialog } from "../base/widgets.js";
import * as store from "../model/store.js";

/** @import { EventView } from "../model/types.js" */

/** Lines drawn. */
const LINES_MAX = 400;

/** The messages of the same connection. @param {EventView} event */
export function conversation(event) {
  if (event.connection === undefined) return [];
  return store.log.peek().events.filter(({ type, connection }) =>
    type === "message" && connection === event.connection);
}

/** The event in which somebody asked for the connection: in some protocols it is the server
 * that speaks first. @param {EventView} event */
function opener(event) {
  return store.log.peek().events.find(({ type, connection }) =>
    type === "connection" && connection === event.connection);
}

/** Opens the dialogue that a message belongs to. @param {EventView} event */
export function showDialogue(event) {
  const lines = conversation(event);
  if (lines.length === 0) return;
  const client = opener(event) ?? lines[0];
  const ends = `${store.hostLabel(client.from, client.from_addr)} → `
    + store.hostLabel(client.to, client.to_addr);
  const box = dialog(t("dialogue_of", { ends }),
    h("ol", { class: "dialogue" }, lines.slice(0, LINES_MAX).map((line) =>
      row(line, line.from_addr === client.from_addr, () => {
        store.selected.set(line.id);
        box.close();
      }))));
}

/** @param {EventView} line @param {boolean} fromClient @param {() => void} choose */
function row(line, fromClient, choose) {
  const code = line.fields?.code;
  const meaning = code === undefined ? "" : explained(String(Array.isArray(code) ? code[0] : code));
  return h("li", { class: fromClient ? "says-client" : "says-server" },
    h("button", { type: "button", class: "dialogue-line", onclick: choose },
      h("span", { class: "figure" }, moment(line.at)),
      h("span", { class: "dialogue-side" }, t(fromClient ? "side_client" : "side_server")),
      h("code", {}, line.summary ?? ""),
      meaning && h("span", { class: "dialogue-meaning" }, meaning)));
}

/** What a code of SMTP means (RFC 5321 §4.2.3), or the family that it belongs to.
 * @param {string} code */
function explained(code) {
  const key = [`smtp_${code}`, `smtp_${code[0]}xx`].find(known);
  return key ? t(key) : "";
}
