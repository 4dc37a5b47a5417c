// The tree of causes: from one click, everything that happened because of it.

import { h } from "../base/dom.js";
import { span } from "../base/format.js";
import { icon } from "../base/icons.js";
import { t } from "../base/i18n.js";
import { effect, signal } from "../base/signal.js";
import { empty, keepInView, panel } from "../base/widgets.js";
import * as player from "../model/player.js";
import { letter, roomClass } from "../model/rooms.js";
import * as store from "../model/store.js";
import { words } from "../model/words.js";

/** @import { EventView } from "../model/types.js" */

/** Lines of one tree that are drawn; more are told. */
const LINES_MAX = 300;
/** Trees listed while nothing is chosen. */
const ROOTS_MAX = 60;
/** Deeper lines are not moved further to the right. */
const INDENT_MAX = 9;

const closed = signal(/** @type {Set<number>} */ (new Set()));

/** @typedef {{ event: EventView, depth: number, parts: number }} Line */

export function causesPanel() {
  const body = h("div", { class: "panel-body" }, () => {
    store.version.get();
    const event = store.chosen.get();
    return event ? tree(event) : roots();
  });
  effect(() => {
    store.selected.get();
    const line = body.querySelector("[aria-selected='true']");
    if (line) keepInView(body, line);
  });
  return panel("causes", "causes", null, body);
}

/** What the tree shows of an event: messages, and decisions when they are wanted.
 * @param {EventView} event */
function counts(event) {
  return event.type !== "fate" && (event.type !== "connection" || event.kind !== "closed");
}

/** @param {EventView} chosen */
function tree(chosen) {
  const log = store.log.get();
  const last = log.events[store.shown.get() - 1]?.id ?? 0;
  const root = log.root(chosen);
  /** @type {Line[]} */
  const lines = [];
  let left = 0;
  const visit = (/** @type {EventView} */ event, /** @type {number} */ depth) => {
    const parts = (log.effects.get(event.id) ?? []).filter((part) => counts(part)
      && part.id <= last);
    if (lines.length < LINES_MAX) lines.push({ event, depth, parts: parts.length });
    else left += 1;
    if (!closed.get().has(event.id)) parts.forEach((part) => visit(part, depth + 1));
  };
  visit(root, 0);
  return [
    summary(root, last),
    h("ul", { class: "tree", role: "tree", "aria-label": t("causes") },
      lines.map((line) => treeLine(line, chosen))),
    left > 0 && h("p", { class: "empty" }, t("causes_left", { count: left })),
  ];
}

/** @param {Line} line @param {EventView} chosen */
function treeLine({ event, depth, parts }, chosen) {
  const open = !closed.get().has(event.id);
  const name = `line depth-${Math.min(depth, INDENT_MAX)}`;
  return h("li", {
    role: "treeitem", class: name, "aria-level": depth + 1,
    "aria-selected": String(event.id === chosen.id),
    "aria-expanded": parts > 0 ? String(open) : null,
  },
  parts > 0 ? h("button", {
    type: "button", class: "twist", "aria-label": t(open ? "fold" : "unfold"), tabindex: "-1",
    onclick: () => flip(event.id),
  }, icon(open ? "down" : "right", 12)) : h("span", { class: "twist" }),
  h("button", { type: "button", class: "line-face", onclick: () => choose(event) },
    chip(event), h("span", { class: "line-text" }, lineText(event)),
    also(event)));
}

/** @param {EventView} event */
function choose(event) {
  if (store.view.peek() === "run") player.pause();
  store.selected.set(event.id);
}

/** The coloured letter of an event's protocol. @param {EventView} event */
export function chip(event) {
  const mark = event.type === "note" && event.kind !== "action" ? "·" : letter(event.room);
  return h("span", { class: `chip ${roomClass(event.room)} ${event.type}`, "aria-hidden": "true" },
    mark);
}

/** @param {EventView} event */
export function lineText(event) {
  if (event.type === "note") return words(event);
  const to = store.hostLabel(event.to, event.to_addr);
  return `${to}: ${words(event)}`;
}

/** @param {EventView} event */
function also(event) {
  if (!event.also?.length) return null;
  const title = t("also_because", { list: event.also.map((id) => `#${id}`).join(", ") });
  return h("span", { class: "also", title }, `+${event.also.length}`);
}

/** @param {number} id */
function flip(id) {
  closed.update((set) => {
    const next = new Set(set);
    if (!next.delete(id)) next.add(id);
    return next;
  });
}

/** The cost of this click. @param {EventView} root @param {number} last */
function summary(root, last) {
  const log = store.log.get();
  let [messages, bytes, end] = [0, 0, root.at];
  const visit = (/** @type {EventView} */ event) => {
    if (event.id > last) return;
    if (event.type === "message") {
      messages += 1;
      bytes += event.size ?? 0;
    }
    end = Math.max(end, log.arrival(event.id) ?? event.at);
    (log.effects.get(event.id) ?? []).forEach(visit);
  };
  visit(root);
  return h("p", { class: "cost" },
    t("cost", { messages, bytes, time: span(end - root.at) }));
}

function roots() {
  const log = store.log.get();
  const events = log.events.slice(0, store.shown.get());
  const list = events.filter((event) => counts(event) && !log.parent(event)
    && (event.type !== "note" || event.kind === "action" || log.effects.has(event.id)));
  if (list.length === 0) return empty(() => t("causes_empty"));
  return [
    h("p", { class: "cost" }, t("causes_roots")),
    h("ul", { class: "tree" }, list.slice(-ROOTS_MAX).reverse().map((event) =>
      h("li", { class: "line depth-0" }, h("span", { class: "twist" }),
        h("button", { type: "button", class: "line-face", onclick: () => choose(event) },
          chip(event), h("span", { class: "line-text" }, lineText(event)))))),
  ];
}
