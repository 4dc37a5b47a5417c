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
/** Explanations beside one line. */
const WORDS_MAX = 4;

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
  const meaning = fromClient ? "" : explained(line);
  return h("li", { class: fromClient ? "says-client" : "says-server" },
    h("button", { type: "button", class: "dialogue-line", onclick: choose },
      h("span", { class: "figure" }, moment(line.at)),
      h("span", { class: "dialogue-side" }, t(fromClient ? "side_client" : "side_server")),
      h("code", {}, line.summary ?? ""),
      meaning && h("span", { class: "dialogue-meaning" }, meaning)));
}

/** What a server's answer means, in its own protocol. @param {EventView} line */
function explained(line) {
  const of = (/** @type {string} */ name) => texts(line.fields?.[name]);
  const status = of("status");
  const codes = of("code").map((code) => code.split(" ")[0].toUpperCase());
  if (status.some((word) => /^(\+OK|-ERR)$/i.test(word))) {
    return said([...status.map((word) => word.startsWith("+") ? "pop3_ok" : "pop3_err"),
      ...codes.map((code) => `pop3_code_${code}`)]);
  }
  const tags = of("tag");
  return tags.length > 0
    ? said([...imapKeys(tags, status, of("response")), ...codes.map((code) => `imap_code_${code}`)])
    // RFC 5034 §4: POP3 asks for more by a plus sign alone.
    : said(codes.length > 0 ? smtpKeys(codes[0]) : line.summary?.startsWith("+") ? ["goon"] : []);
}

/** RFC 9051 §7: an answer with the command's tag ends it; the others are news.
 * @param {string[]} tags @param {string[]} status @param {string[]} response */
function imapKeys(tags, status, response) {
  const ends = tags.some((tag) => tag !== "*" && tag !== "+");
  const ofStatus = status.map((word) => word.toUpperCase())
    .map((word) => `imap_${word === "OK" && ends ? "done" : word}`);
  const ofResponse = response.map((word) => `imap_${word.toUpperCase()}`);
  return [...(tags.includes("+") ? ["goon"] : []), ...ofResponse, ...ofStatus];
}

/** What a code of SMTP means (RFC 5321 §4.2.3), or the family that it belongs to.
 * @param {string} code */
function smtpKeys(code) {
  return [`smtp_${code}`, `smtp_${code[0]}xx`].filter(known).slice(0, 1);
}

/** The words for what is known, each once. @param {string[]} keys */
function said(keys) {
  const words = new Set(keys.filter(known).map((key) => t(key)));
  return [...words].slice(0, WORDS_MAX).join(" · ");
}

/** One value of a field or several, as texts. @param {unknown} value */
function texts(value) {
  return value === undefined || value === null ? [] : [value].flat().map(String);
}
