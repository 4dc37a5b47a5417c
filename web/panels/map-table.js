// Everything on the map as a table.

import { h } from "../base/dom.js";
import { number, size } from "../base/format.js";
import { t } from "../base/i18n.js";
import * as store from "../model/store.js";
import { openPair } from "./link-card.js";
import { pairs } from "./map-pairs.js";

const COLUMNS = ["host", "address", "tier", "region", "services", "sent", "received", "bytes"];

export function hostTable() {
  const counts = count();
  return h("table", { class: "table of-hosts" },
    h("caption", { class: "unseen" }, t("map_table")),
    h("thead", {}, h("tr", {}, COLUMNS.map((name) => h("th", { scope: "col" }, t(`col_${name}`))))),
    h("tbody", {}, store.world.get().hosts.map((host) => {
      const { sent, received, bytes } = counts.get(host.id) ?? { sent: 0, received: 0, bytes: 0 };
      return h("tr", {},
        h("th", { scope: "row" }, h("button", {
          type: "button", class: "reference", onclick: () => {
            store.chosenPair.set(null);
            store.chosenHost.set(host.id);
          },
        }, host.name), host.person && h("small", {}, ` ${host.person}`)),
        h("td", { class: "mono" }, host.addresses.join(" ")),
        h("td", {}, t(`tier_${host.tier}`)),
        h("td", {}, host.region),
        h("td", {}, host.services.join(", ")),
        h("td", { class: "figure" }, number(sent)),
        h("td", { class: "figure" }, number(received)),
        h("td", { class: "figure" }, size(bytes)));
    })));
}

/** The lines of the map. */
export function linkTable() {
  return h("table", { class: "table of-links" },
    h("caption", { class: "unseen" }, t("map_links")),
    h("thead", {}, h("tr", {}, ["link", "room", "messages"].map((name) =>
      h("th", { scope: "col" }, t(`col_${name}`))))),
    h("tbody", {}, pairs().map(({ from, to, room, count: messages }) => h("tr", {},
      h("th", { scope: "row" }, h("button", {
        type: "button", class: "reference", onclick: () => openPair(from, to),
      }, `${store.hostName(from)} ↔ ${store.hostName(to)}`)),
      h("td", {}, room), h("td", { class: "figure" }, number(messages))))));
}

/** Messages of each host before the cursor. */
export function count() {
  store.version.get();
  const events = store.log.get().events.slice(0, store.shown.get());
  /** @type {Map<number, { sent: number, received: number, bytes: number }>} */
  const counts = new Map();
  /** @param {number | null | undefined} id @param {"sent" | "received"} way @param {number} n */
  const add = (id, way, n) => {
    if (id === null || id === undefined) return;
    const entry = counts.get(id) ?? { sent: 0, received: 0, bytes: 0 };
    entry[way] += 1;
    entry.bytes += n;
    counts.set(id, entry);
  };
  for (const event of events) {
    if (event.type !== "message") continue;
    add(event.from, "sent", event.size ?? 0);
    add(event.to, "received", 0);
  }
  return counts;
}
