// A message in three linked panes: what it means, its fields, its bytes. Hovering one
// lights up the others.

import { h } from "../base/dom.js";
import { clock, size, span } from "../base/format.js";
import { icon } from "../base/icons.js";
import { t } from "../base/i18n.js";
import { effect, signal } from "../base/signal.js";
import { empty, iconButton, panel } from "../base/widgets.js";
import * as api from "../model/api.js";
import * as player from "../model/player.js";
import { here } from "../model/source.js";
import * as store from "../model/store.js";
import { words } from "../model/words.js";
import { chip } from "./causes.js";
import { showDialogue } from "./dialogue.js";
import { messageFaults } from "./faults.js";
import { bytesPane, fieldsPane, meaningPane } from "./message-panes.js";
import { copy } from "./try.js";

/** @import { EventView, MessageView } from "../model/types.js" */

/** Messages remembered, so that going back and forth asks nothing. */
const KEPT_MAX = 200;

/** @type {Map<string, MessageView>} */
const kept = new Map();
const detail = signal(/** @type {MessageView | null} */ (null));
/** Which message is waited for. */
let awaited = "";

/** Fetches what the chosen message means. */
function follow() {
  const event = store.chosen.get();
  const run = store.view.get() === "run" ? store.run.get()?.id ?? null : null;
  awaited = event?.type === "message" ? `${run}/${event.id}` : "";
  if (event?.type !== "message") return detail.set(null);
  const key = awaited;
  const known = kept.get(key);
  if (known) return detail.set(known);
  api.message(run, event.id).then((message) => {
    if (kept.size >= KEPT_MAX) kept.clear();
    kept.set(key, message);
    if (awaited === key) detail.set(message);
  }).catch(store.complain);
}

export function messagePanel() {
  effect(follow);
  const tools = h("div", { class: "panel-tools" }, () => {
    const event = store.chosen.get();
    return event && [
      event.type === "message" && messageFaults(event),
      event.connection !== undefined && iconButton("story", "dialogue", () => showDialogue(event)),
      iconButton("link", "copy_link", () => copy(address(event))),
      iconButton("close", "close", () => store.selected.set(0)),
    ].filter(Boolean);
  });
  const body = h("div", { class: "panel-body" }, () => {
    const event = store.chosen.get();
    if (!event) return nothing();
    return event.type === "message" ? message(event) : decision(event);
  });
  return panel("message", "message", tools, body);
}

/** The address that shows this message to another person. @param {EventView} event */
function address(event) {
  return `${location.origin}${location.pathname}${here(event.id)}`;
}

function nothing() {
  if (store.selected.get() > 0) {
    return empty(() => t("message_gone", { id: store.selected.get() }));
  }
  return empty(() => t("message_empty"));
}

/** @param {EventView} event */
function message(event) {
  return h("article", { class: "message-view" },
    title(event),
    () => {
      const view = detail.get();
      if (view?.view.id !== event.id) return h("p", { class: "empty" }, t("reading"));
      return h("div", { class: "panes" },
        h("div", { class: "pane-top" }, meaningPane(view), facts(event), links(event)),
        fieldsPane(view), bytesPane(view));
    });
}

/** @param {EventView} event */
function title(event) {
  const ends = [store.hostLabel(event.from, event.from_addr),
    store.hostLabel(event.to, event.to_addr)];
  return h("h3", { class: "message-title" }, chip(event), h("span", {},
    h("b", {}, `#${event.id}`), ` ${ends[0]} `, h("span", { "aria-hidden": "true" }, "→"),
    ` ${ends[1]}`));
}

/** @param {EventView} event */
function facts(event) {
  const log = store.log.peek();
  const arrival = log.arrival(event.id);
  const mishap = log.mishap(event.id);
  return h("ul", { class: "facts" },
    h("li", {}, clock(event.at)),
    h("li", {}, `${event.transport?.toUpperCase() ?? ""} ${size(event.size ?? 0)}`),
    arrival !== undefined && h("li", {}, t("flight", { time: span(arrival - event.at) })),
    mishap && h("li", { class: "bad" }, t(`fate_${mishap.fate}`),
      mishap.reason ? ` (${mishap.reason})` : ""),
    event.malformed && h("li", { class: "bad" }, `${t("malformed")}: ${event.malformed}`),
    h("li", { class: "mono" }, `${event.from_addr} → ${event.to_addr}`));
}

/** Its cause, and what it caused. @param {EventView} event */
function links(event) {
  const log = store.log.peek();
  const parent = log.parent(event);
  const parts = (log.effects.get(event.id) ?? []).filter(({ type }) => type === "message");
  if (!parent && parts.length === 0) return null;
  return h("p", { class: "links-line" },
    parent && [t("because_of"), " ", reference(parent), " "],
    parts.length > 0 && [t("then"), " ", parts.slice(0, 4).map((part) => [reference(part), " "])]);
}

/** @param {EventView} event */
function reference(event) {
  return h("button", {
    type: "button", class: "reference", onclick: () => {
      if (store.view.peek() === "run") player.pause();
      store.selected.set(event.id);
    },
  }, `#${event.id} ${words(event)}`);
}

/** A decision or a change of a connection: its reason and facts. @param {EventView} event */
function decision(event) {
  const data = Object.entries(event.data ?? {}).filter(([name]) => name !== "reason_es");
  return h("article", { class: "message-view" },
    h("h3", { class: "message-title" }, chip(event), h("span", {}, h("b", {}, `#${event.id}`),
      ` ${store.hostLabel(event.from, event.from_addr ?? t("lab_itself"))}`)),
    h("p", { class: "meaning" }, words(event)),
    h("ul", { class: "facts" }, h("li", {}, clock(event.at)), h("li", {}, icon("bolt", 11),
      `${event.room} · ${event.kind ?? event.type}`)),
    links(event),
    data.length > 0 && h("table", { class: "fields" }, h("tbody", {}, data.map(([name, value]) =>
      h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, typeof value === "object"
        ? JSON.stringify(value) : String(value)))))));
}

