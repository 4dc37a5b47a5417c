// Clients of the uppercase servers, told apart by source address and port (course K2).

import { h } from "../base/dom.js";
import { number } from "../base/format.js";
import { t } from "../base/i18n.js";
import { registerFold } from "../model/fold.js";
import { folded } from "../model/folded.js";
import * as store from "../model/store.js";

/** @import { EventView } from "../model/types.js" */
/** @typedef {{ server: number, client: string, transport: string, messages: number,
 *  bytes: number, open: boolean, event: number }} Client */

const CLIENTS_MAX = 200;
const SHOWN_MAX = 40;
const SOCKETS_PORT = 12000;

registerFold({ name: "sockets", start: () => new Map(), apply });

/** @param {Map<string, Client>} clients @param {EventView} event */
function apply(clients, event) {
  if (event.room !== "sockets" || !event.to_addr || !event.from_addr) return;
  const toServer = portOf(event.to_addr) % 10000 === SOCKETS_PORT % 10000;
  const [server, client] = toServer ? [event.to, event.from_addr] : [event.from, event.to_addr];
  const key = `${event.transport} ${client} ${server}`;
  const entry = clients.get(key) ?? { server: Number(server), client, open: true,
    transport: event.transport ?? "", messages: 0, bytes: 0, event: event.id };
  if (event.type === "message" && toServer) {
    entry.messages += 1;
    entry.bytes += event.size ?? 0;
    entry.event = event.id;
  }
  if (event.type === "connection") {
    entry.open = !["closed", "reset", "refused", "timed_out"].includes(event.kind ?? "");
  }
  clients.set(key, entry);
  if (clients.size > CLIENTS_MAX) clients.delete(clients.keys().next().value ?? "");
}

/** @param {string} address */
const portOf = (address) => Number(address.slice(address.lastIndexOf(":") + 1));

export const socketsCard = { id: "sockets", render, leads: () => known().length > 0 };

/** @returns {Client[]} */
const known = () => [...folded.get().state.sockets.values()];

function render() {
  const clients = known();
  if (clients.length === 0) return null;
  return h("ul", { class: "clients" }, clients.slice(-SHOWN_MAX).reverse().map((client) =>
    h("li", { class: client.open ? "" : "shut" },
      h("button", { type: "button", class: "cache-face",
        onclick: () => store.selected.set(client.event) },
      h("span", { class: "mono" }, client.client),
      h("span", { class: "cache-type" }, `${client.transport.toUpperCase()} → `
        + store.hostLabel(client.server)),
      h("span", { class: "figure" }, client.messages === 1 ? t("messages_one")
        : t("messages_count", { count: number(client.messages) }))))));
}
