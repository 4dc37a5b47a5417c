// Faults by click: on a host, on its link, on a message. What is broken stands above
// the map and is mended there.

import { h } from "../base/dom.js";
import { moment } from "../base/format.js";
import { icon } from "../base/icons.js";
import { t } from "../base/i18n.js";
import { menu } from "../base/widgets.js";
import { breakIt, mend } from "../model/source.js";
import * as store from "../model/store.js";

/** @import { EventView, FaultSpec } from "../model/types.js" */

/** What a click does to a host, with its amount (ms, share, bytes per second). */
const HOST_FAULTS = /** @type {const} */ ([
  { on: "host", kind: "down" },
  { on: "link", kind: "cut" },
  { on: "link", kind: "slow", amount: 300 },
  { on: "link", kind: "lose", amount: 0.3 },
  { on: "link", kind: "overload", amount: 2000 },
]);

/** What a click does to the next messages like one. */
const MESSAGE_FAULTS = /** @type {const} */ ([
  { kind: "drop" }, { kind: "delay", amount: 1000 }, { kind: "corrupt" }, { kind: "forge" },
]);

/** @param {FaultSpec} fault */
function apply(fault) {
  breakIt(fault).catch(store.complain);
}

/** @param {string} host */
export function faultButtons(host) {
  return h("div", { class: "fault-buttons" }, HOST_FAULTS.map((fault) => h("button", {
    type: "button", class: "fault", title: t(`fault_${fault.kind}_hint`),
    onclick: () => apply({ ...fault, host }),
  }, icon("bolt", 13), t(`fault_${fault.kind}`))));
}

/** @param {EventView} event */
export function messageFaults(event) {
  return menu({ class: "menu-button quiet", title: t("break_message") },
    [icon("bolt", 14), t("break")],
    (close) => h("div", { class: "menu-list" },
      h("p", { class: "menu-text" }, t("break_message_text")),
      MESSAGE_FAULTS.map((fault) => h("button", {
        type: "button", class: "menu-item", onclick: () => {
          close();
          apply({ ...fault, on: "message", ...like(event) });
        },
      }, h("b", {}, t(`fault_${fault.kind}`)), h("small", {}, t(`fault_${fault.kind}_hint`))))));
}

/** What names the messages like one: its ends, and its question. @param {EventView} event */
function like(event) {
  const fields = event.fields ?? {};
  const match = [event.room];
  if (fields.qname) match.push(`qname == "${fields.qname}"`);
  if (fields.qr !== undefined) match.push(`qr == ${fields.qr}`);
  return { from: store.hostName(event.from), to: store.hostName(event.to),
    match: match.join(" && "), nth: 1 };
}

export function faultChips() {
  return h("div", { class: "fault-chips", hidden: () => store.faults.get().length === 0 }, () =>
    store.faults.get().map((fault) => h("span", { class: "fault-chip" }, icon("bolt", 12),
      describe(fault),
      h("button", {
        type: "button", "aria-label": t("mend", { fault: describe(fault) }), title: t("mend_short"),
        onclick: () => mend(fault.id).catch(store.complain),
      }, icon("close", 11)))));
}

/** @param {any} fault */
function describe(fault) {
  const place = fault.host ?? [fault.from, fault.to].filter(Boolean).join(" → ");
  const when = fault.at === undefined ? "" : ` · ${moment(fault.at)}`;
  const name = fault.kind ? t(`fault_${fault.kind}`) : t("fault");
  return `${name} · ${fault.text ?? place}${when}`;
}
