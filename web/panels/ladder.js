// The ladder: hosts as columns, time downwards, one arrow per message. Only the rows
// in view are drawn.

import { h, reconcile, s } from "../base/dom.js";
import { number } from "../base/format.js";
import { t } from "../base/i18n.js";
import { fit } from "../base/measure.js";
import { computed, effect, signal } from "../base/signal.js";
import { empty, panel } from "../base/widgets.js";
import * as player from "../model/player.js";
import { setFollow } from "../model/source.js";
import * as store from "../model/store.js";
import { arrow, fillRow, GUTTER, HEAD, ROW } from "./ladder-rows.js";
import { exportMenu, filterField, notesToggle } from "./ladder-tools.js";

/** @import { EventView, HostView, Step } from "../model/types.js" */
/**
 * @typedef {{ key: string, event?: EventView, step?: Step, number?: number, gap?: number,
 *   kin?: boolean }} Item
 */

/** Columns are never narrower, on a phone and elsewhere. */
const COLUMN_MIN_PHONE = 56;
const COLUMN_MIN = 54;
const PHONE_PX = 500;
/** As in drawings.css. */
const NAME_PX = 11;
const NAME_WEIGHT = 620;
const TIER_PX = 9.5;
/** Silence longer than this is told between two rows. */
const GAP_NS = 2e9;
/** Rows drawn above and below what is seen. */
const OVERSCAN = 6;

const TIER_ORDER = ["client", "sockets", "resolver", "root", "tld", "registry", "authoritative"];

/** The hosts of all rows, in the order of columns. */
const columns = computed(() => {
  const hosts = store.hostsById.get();
  /** @type {Set<number>} */
  const seen = new Set();
  for (const row of store.rows.get()) {
    if (typeof row.from === "number") seen.add(row.from);
    if (typeof row.to === "number") seen.add(row.to);
  }
  const list = [...seen].map((id) => hosts.get(id)).filter((host) => host !== undefined);
  const rank = (/** @type {HostView} */ host) => {
    const found = TIER_ORDER.indexOf(host.tier);
    return found < 0 ? TIER_ORDER.length : found;
  };
  return list.sort((a, b) => rank(a) - rank(b) || a.y - b.y || a.x - b.x || a.id - b.id);
});

/** Rows before the cursor, with headings of steps and told silences between them. */
const items = computed(() => {
  const log = store.log.get();
  const rows = store.rows.get().slice(0, store.rowsShown.get());
  const chosen = store.chosen.get();
  const root = chosen ? log.root(chosen).id : 0;
  const steps = store.view.get() === "run" ? store.run.get()?.steps ?? [] : [];
  /** @type {Item[]} */
  const list = [];
  let step = 0;
  let before = -1;
  for (const event of rows) {
    while (step < steps.length && steps[step].first_event <= event.id) {
      list.push({ key: `s${step}`, step: steps[step], number: step + 1 });
      step += 1;
      before = -1;
    }
    if (before >= 0 && event.at - before > GAP_NS) {
      list.push({ key: `g${event.id}`, gap: event.at - before });
    }
    before = event.at;
    list.push({ key: `e${event.id}`, event, kin: root > 0 && log.root(event).id === root });
  }
  return list;
});

export function ladderPanel() {
  const head = s("svg", { class: "ladder-head", height: HEAD, "aria-hidden": "true" });
  const lines = s("g", { class: "lifelines" });
  const drawn = s("g");
  const svg = s("svg", { class: "ladder-drawing", role: "presentation" }, lines, drawn);
  const list = h("div", {
    class: "ladder-rows", role: "listbox", tabindex: "0", "aria-label": () => t("ladder"),
    "aria-activedescendant": () => (store.selected.get() ? `row-${store.selected.get()}` : null),
  }, svg);
  const scroll = h("div", { class: "ladder-scroll", onscroll: draw }, head, list);
  const size = signal(0);
  new ResizeObserver(() => size.set(scroll.clientWidth)).observe(scroll);
  new ResizeObserver(draw).observe(scroll);
  let width = 0;
  let column = COLUMN_MIN;
  /** @type {Map<number, number>} */
  let places = new Map();

  effect(() => {
    const hosts = columns.get();
    const least = size.get() < PHONE_PX ? COLUMN_MIN_PHONE : COLUMN_MIN;
    column = Math.max(least, (size.get() - GUTTER - 8) / Math.max(1, hosts.length));
    width = Math.max(size.get(), GUTTER + 8 + column * hosts.length);
    places = new Map(hosts.map(({ id }, index) => [id, GUTTER + column * (index + 0.5)]));
    drawHead(head, hosts, places, column);
    for (const drawing of [head, svg]) drawing.setAttribute("width", String(width));
    lines.replaceChildren(...[...places].map(([id, x]) => s("line", {
      x1: x, x2: x, y1: 0, y2: "100%", class: id === store.chosenHost.get() ? "chosen" : "",
    })));
    draw();
  });
  effect(() => {
    const height = items.get().length * ROW + 8;
    const atEnd = scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - 3 * ROW;
    svg.setAttribute("height", String(Math.max(height, scroll.clientHeight - HEAD - 4)));
    draw();
    if (atEnd && store.playing.peek()) scroll.scrollTop = scroll.scrollHeight;
  });
  effect(() => {
    const key = `e${store.selected.get()}`;
    const index = items.peek().findIndex((item) => item.key === key);
    if (index >= 0) {
      show(scroll, index);
      showAcross(scroll, items.peek()[index].event, places);
    }
    draw();
  });

  function draw() {
    const all = items.peek();
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - OVERSCAN);
    const last = first + Math.ceil(scroll.clientHeight / ROW) + 2 * OVERSCAN;
    const view = all.slice(first, last).map((item, index) => ({ item, y: (first + index) * ROW }));
    reconcile(drawn, view, ({ item }) => item.key, ({ item }) => arrow(item, choose),
      (element, { item, y }) => fillRow(element, item, { y, places, width }));
  }

  const scene = h("div", { class: "ladder-stage" }, scroll,
    () => (store.rowsShown.get() === 0 ? empty(emptyText) : null));
  effect(() => scroll.classList.toggle("is-empty", store.rowsShown.get() === 0));
  return panel("ladder", "ladder", [filterField(), notesToggle(), counter(), exportMenu()], scene);
}

function emptyText() {
  if (store.filterText.get()) return t("ladder_filtered", { filter: store.filterText.get() });
  return t(store.view.get() === "run" ? "ladder_empty_run" : "ladder_empty_live");
}

function counter() {
  return h("span", { class: "counter", title: () => t("counter_hint") }, () => {
    store.version.get();
    const [here, all] = [store.rowsShown.get(), store.rows.get().length];
    const gone = store.log.get().forgotten;
    const text = here === all ? number(all) : `${number(here)} / ${number(all)}`;
    return gone > 0 ? `${text} · ${t("forgotten", { count: number(gone) })}` : text;
  });
}

/** @param {EventView} event */
function choose(event) {
  if (store.view.peek() === "run") player.pause();
  else setFollow(false);
  store.selected.set(event.id);
}

/** Scrolls a row into view. @param {HTMLElement} scroll @param {number} index */
function show(scroll, index) {
  const top = index * ROW;
  const view = scroll.clientHeight - HEAD;
  if (top < scroll.scrollTop) scroll.scrollTop = top - ROW;
  else if (top + ROW > scroll.scrollTop + view) scroll.scrollTop = top + 2 * ROW - view;
}

/** Scrolls both ends of an arrow into view, where the columns are wider than the panel.
 * @param {HTMLElement} scroll @param {EventView | undefined} event
 * @param {Map<number, number>} places */
function showAcross(scroll, event, places) {
  const ends = [event?.from, event?.to].map((id) => places.get(id ?? -1))
    .filter((x) => x !== undefined);
  if (ends.length === 0) return;
  const [left, right] = [Math.min(...ends) - COLUMN_MIN / 2, Math.max(...ends) + COLUMN_MIN / 2];
  const width = scroll.clientWidth;
  if (right > scroll.scrollLeft + width) scroll.scrollLeft = right - width;
  if (left < scroll.scrollLeft) scroll.scrollLeft = left;
}

/**
 * @param {Element} head @param {HostView[]} hosts @param {Map<number, number>} places
 * @param {number} column
 */
function drawHead(head, hosts, places, column) {
  head.replaceChildren(...hosts.map((host) => {
    const x = places.get(host.id) ?? 0;
    const chosen = host.id === store.chosenHost.get();
    return s("g", {
      class: chosen ? "column chosen" : "column", transform: `translate(${x} 0)`,
      onclick: () => store.chosenHost.set(chosen ? -1 : host.id),
    }, s("text", { y: 15, class: "column-name" },
      fit(host.person ?? host.label, column - 5, NAME_PX, NAME_WEIGHT)),
    s("text", { y: 28, class: "column-tier" }, fit(t(`one_${host.tier}`), column - 4, TIER_PX)),
    s("title", {}, `${host.name} ${host.addresses[0] ?? ""}`));
  }));
}
