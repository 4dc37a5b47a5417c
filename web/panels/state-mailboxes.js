// The mailboxes: what has arrived for whom, and what became of it (course M3, M10).

import { h } from "../base/dom.js";
import { number } from "../base/format.js";
import { t } from "../base/i18n.js";
import { registerFold } from "../model/fold.js";
import { folded } from "../model/folded.js";
import * as store from "../model/store.js";

/** @import { EventView } from "../model/types.js" */
/** @typedef {{ account: string, mailbox: string, host: number, event: number,
 *  messages: Record<string, string[]> }} Mailbox */

const MAILBOXES_MAX = 200;
const MESSAGES_MAX = 2000;
const SHOWN_MAX = 40;

registerFold({ name: "mailboxes", start: () => new Map(), apply });

/** @param {Map<string, Mailbox>} mailboxes @param {EventView} event */
function apply(mailboxes, event) {
  if (event.type !== "note" || event.room !== "mail" || event.from == null) return;
  const { account, mailbox, uid, flags } = event.data ?? {};
  if (account === undefined || mailbox === undefined || uid === undefined) return;
  const key = `${account} ${mailbox}`;
  /** @type {Mailbox} */
  const box = mailboxes.get(key)
    ?? { account, mailbox, host: event.from, event: event.id, messages: {} };
  if (event.kind === "stored" || event.kind === "flagged") {
    box.messages[uid] = Array.isArray(flags) ? flags : [];
  } else if (event.kind === "expunged") delete box.messages[uid];
  else return;
  box.event = event.id;
  const uids = Object.keys(box.messages);
  if (uids.length > MESSAGES_MAX) delete box.messages[uids[0]];
  mailboxes.set(key, box);
  if (mailboxes.size > MAILBOXES_MAX) mailboxes.delete(mailboxes.keys().next().value ?? "");
}

export const mailboxesCard = { id: "mailboxes", render };

function render() {
  /** @type {Mailbox[]} */
  const boxes = [...folded.get().state.mailboxes.values()];
  if (boxes.length === 0) return null;
  boxes.sort((a, b) => a.account.localeCompare(b.account) || a.mailbox.localeCompare(b.mailbox));
  return h("ul", { class: "cache mailboxes" }, boxes.slice(0, SHOWN_MAX).map(row));
}

/** @param {Mailbox} box */
function row(box) {
  const all = Object.values(box.messages);
  const unseen = all.filter((flags) => !flags.includes("\\Seen")).length;
  return h("li", { title: store.hostName(box.host) },
    h("button", { type: "button", class: "cache-face",
      onclick: () => store.selected.set(box.event) },
    h("span", { class: "cache-name" }, box.account),
    h("span", { class: "cache-type" }, box.mailbox),
    unseen > 0 && h("span", { class: "badge unseen-count" }, t("mailbox_unseen",
      { count: number(unseen) })),
    h("span", { class: "figure" }, number(all.length))));
}
