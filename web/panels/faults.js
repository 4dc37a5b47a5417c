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

/** What a click does to a host, in the words of scenarios.
 * @type {Record<string, (host: string) => Record<string, any>>} */
const HOST_FAULTS = {
  down: (host) => ({ down: host }),
  cut: (host) => link(host, { cut: true }),
  slow: (host) => link(host, { latency: "300ms" }),
  lose: (host) => link(host, { loss: 0.3 }),
  overload: (host) => link(host, { rate: "2kB/s", queue: "4KiB" }),
};

/** What a mail server answers to each recipient, whoever it is.
 * @type {Record<string, (host: string) => Record<string, any>>} */
const MAIL_FAULTS = {
  not_now: (host) => ({ reply: { host, to: "RCPT", code: 451 } }),
  never: (host) => ({ reply: { host, to: "RCPT", code: 550 } }),
};

/** What a click does to all messages between two hosts.
 * @type {Record<string, (of: string) => Record<string, any>>} */
const PAIR_FAULTS = {
  cut: (of) => ({ drop: { of } }),
  slow: (of) => ({ delay: { of, by: "300ms" } }),
  lose: (of) => ({ drop: { of, share: 0.3 } }),
};

/** What a click does to the next message that passes a filter.
 * @type {Record<string, (of: string) => Record<string, any>>} */
const MESSAGE_FAULTS = {
  drop: (of) => ({ drop: { of, count: 1 } }),
  delay: (of) => ({ delay: { of, by: "1s", count: 1 } }),
};

/** Faults that a stream cannot have: its sequence numbers hide a second copy.
 * @type {Record<string, (of: string) => Record<string, any>>} */
const DATAGRAM_FAULTS = {
  duplicate: (of) => ({ duplicate: { of, count: 1 } }),
};

/** Faults that only a question or an answer of DNS can have.
 * @type {Record<string, (of: string) => Record<string, any>>} */
const DNS_FAULTS = {
  corrupt: (of) => ({ rewrite: { of, field: "id", flip: "01", count: 1 } }),
};

/** @type {Record<string, (of: string) => Record<string, any>>} */
const DNS_DATAGRAM_FAULTS = {
  forge: (of) => ({ forge: { of, address: "203.0.113.66", after: "1ms", count: 1 } }),
};

/** @param {string} host @param {Record<string, any>} change */
const link = (host, change) => ({ link: { host, up: change, down: change } });

/** @param {FaultSpec} fault */
function apply(fault) {
  breakIt(fault).catch(store.complain);
}

/** @param {string} host @param {string[]} services */
export function faultButtons(host, services) {
  const servesMail = services.some((service) => service.startsWith("mail "));
  const kinds = { ...HOST_FAULTS, ...(servesMail ? MAIL_FAULTS : {}) };
  return h("div", { class: "fault-buttons" }, Object.entries(kinds).map(([kind, make]) =>
    h("button", {
      type: "button", class: "fault", title: t(`fault_${kind}_hint`), "data-fault": kind,
      onclick: () => apply({ fault: make(host), shown: { kind, host } }),
    }, icon("bolt", 13), t(`fault_${kind}`))));
}

/** @param {string} one @param {string} other */
export function pairFaultButtons(one, other) {
  const way = (/** @type {string} */ from, /** @type {string} */ to) =>
    `(from:${quoted(from)} && to:${quoted(to)})`;
  const of = `${way(one, other)} || ${way(other, one)}`;
  return h("div", { class: "fault-buttons" }, Object.entries(PAIR_FAULTS).map(([kind, make]) =>
    h("button", {
      type: "button", class: "fault", title: t(`fault_pair_${kind}_hint`), "data-fault": kind,
      onclick: () => apply({ fault: make(of), shown: { kind, between: [one, other] } }),
    }, icon("bolt", 13), t(`fault_${kind}`))));
}

/** @param {EventView} event */
export function messageFaults(event) {
  const [isDatagram, isDns] = [event.transport === "udp", event.room === "dns"];
  const kinds = { ...MESSAGE_FAULTS, ...(isDatagram ? DATAGRAM_FAULTS : {}),
    ...(isDns ? DNS_FAULTS : {}), ...(isDns && isDatagram ? DNS_DATAGRAM_FAULTS : {}) };
  return menu({ class: "menu-button quiet", title: t("break_message") },
    [icon("bolt", 14), t("break")],
    (close) => h("div", { class: "menu-list" },
      h("p", { class: "menu-text" }, t("break_message_text")),
      Object.entries(kinds).map(([kind, make]) => h("button", {
        type: "button", class: "menu-item", "data-fault": kind, onclick: () => {
          close();
          const [from, to] = [store.hostName(event.from), store.hostName(event.to)];
          apply({ fault: make(like(event)), shown: { kind, from, to } });
        },
      }, h("b", {}, t(`fault_${kind}`)), h("small", {}, t(`fault_${kind}_hint`))))));
}

/** The messages like one: its ends, and its question. @param {EventView} event */
function like(event) {
  const parts = [event.room, `from:${quoted(store.hostName(event.from))}`,
    `to:${quoted(store.hostName(event.to))}`];
  for (const name of ["qname", "qtype", "qr"]) {
    const value = event.fields?.[name];
    if (typeof value === "string") parts.push(`${name}==${quoted(value)}`);
  }
  return parts.join(" && ");
}

/** @param {string} text */
const quoted = (text) => `"${text.replace(/["\\]/g, "\\$&")}"`;

export function faultChips() {
  return h("div", { class: "fault-chips", hidden: () => store.faults.get().length === 0 }, () =>
    store.faults.get().map((fault) => h("span", { class: "fault-chip" }, icon("bolt", 12),
      describe(fault),
      h("button", {
        type: "button", "aria-label": t("mend", { fault: describe(fault) }), title: t("mend_short"),
        onclick: () => mend(fault.id).catch(store.complain),
      }, icon("close", 11)))));
}

/** @param {{ shown?: Record<string, any>, at?: number }} fault */
function describe(fault) {
  const { kind, host, between, from, to } = fault.shown ?? {};
  const place = host ?? between?.join(" ↔ ") ?? [from, to].filter(Boolean).join(" → ");
  const when = fault.at === undefined ? "" : ` · ${moment(fault.at)}`;
  return `${kind ? t(`fault_${kind}`) : t("fault")} · ${place}${when}`;
}
