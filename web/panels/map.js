// The map: hosts in tiers, lines where messages went, messages on their way.

import { h, reconcile, s } from "../base/dom.js";
import { t } from "../base/i18n.js";
import { effect, signal, untracked } from "../base/signal.js";
import { iconButton, panel } from "../base/widgets.js";
import { roomClass } from "../model/rooms.js";
import * as store from "../model/store.js";
import { joins, pairs } from "./map-pairs.js";
import { linkCard, openPair } from "./link-card.js";
import { cards, edgePath, pointOn } from "./map-shape.js";
import { hostCard } from "./host-card.js";
import { hostTable, linkTable } from "./map-table.js";
import { faultChips } from "./faults.js";

/** @import { EventView } from "../model/types.js" */
/** @import { Card } from "./map-shape.js" */
/** @import { Edge } from "./map-pairs.js" */

/** Events looked at for messages on their way. */
const RECENT = 160;
/** Live, a message is drawn at least this long: real ones take microseconds. */
const LIVE_FLIGHT_NS = 500e6;
/** A line is bright while it was used within this share of the reader's second. */
const FRESH_S = 1.5;

const asTable = signal(false);
const still = matchMedia("(prefers-reduced-motion: reduce)");

export function mapPanel() {
  const box = h("div", { class: "map-box" });
  const edges = s("g", { class: "edges" });
  const dots = s("g", { class: "dots" });
  const nodes = s("g", { class: "nodes" });
  const tiers = s("g", { class: "tiers" });
  const svg = s("svg", { class: "map-drawing", role: "group", "aria-label": () => t("map") },
    tiers, edges, nodes, dots);
  const size = signal({ width: 0, height: 0 });
  /** @type {Map<number, Card>} */
  let places = new Map();
  box.append(svg);
  new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = box;
    size.set({ width, height });
  }).observe(box);

  effect(() => {
    const { width, height } = size.get();
    const world = store.world.get();
    if (width === 0 || height === 0) return;
    places = cards(world, width, height);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawTiers(tiers, world.tiers, height);
  });
  effect(() => {
    size.get();
    store.world.get();
    const busy = drawEdges(edges, places);
    drawNodes(nodes, places, busy);
  });
  effect(() => {
    size.get();
    drawDots(dots, places);
  });
  const tools = [
    iconButton("table", "map_table", () => asTable.update((on) => !on),
      { class: "icon-button", "aria-pressed": () => String(asTable.get()) }),
  ];
  return panel("map", "map", tools, faultChips(),
    h("div", { class: "map-stage", hidden: asTable.get }, box), hostCard(), linkCard(),
    h("div", { class: "map-table", hidden: () => !asTable.get(), tabindex: "0" },
      () => (asTable.get() ? [hostTable(), linkTable()] : null)));
}

/** @param {Element} group @param {{ id: string, y: number }[]} tiers @param {number} height */
function drawTiers(group, tiers, height) {
  group.replaceChildren(...tiers.map(({ id, y }) =>
    s("text", { class: "tier-name", x: 10, y: y * height + 3 }, t(`tier_${id}`))));
}

/** @param {Element} group @param {Map<number, Card>} places @returns {Set<number>} busy hosts */
function drawEdges(group, places) {
  const chosen = store.chosen.get();
  const opened = store.chosenPair.get();
  const isBroken = brokenPairs();
  const window = store.view.get() === "live" ? FRESH_S * 1e9 : FRESH_S * 1e9 * store.speed.get();
  const now = untracked(() => store.now.get());
  /** @type {Set<number>} */
  const busy = new Set();
  const list = pairs().filter(({ from, to }) => places.has(from) && places.has(to));
  reconcile(group, list, ({ key }) => key, makeEdge, (line, edge) => {
    const fresh = now - edge.last < window;
    const isChosen = chosen?.type === "message" && joins(chosen)
      && [chosen.from, chosen.to].includes(edge.from) && [chosen.from, chosen.to].includes(edge.to);
    if (fresh || isChosen) busy.add(edge.from).add(edge.to);
    const names = ["edge", roomClass(edge.room), fresh && "fresh",
      (isChosen || isPair(opened, edge)) && "chosen", isBroken(edge) && "broken"];
    line.setAttribute("class", names.filter(Boolean).join(" "));
    const path = edgePath(card(places, edge.from), card(places, edge.to));
    for (const part of line.querySelectorAll("path")) part.setAttribute("d", path);
  });
  return busy;
}

/** A line that is thin to see and broad to hit. @param {Edge} edge */
function makeEdge({ from, to }) {
  const open = () => openPair(from, to);
  const names = `${store.hostName(from)} ↔ ${store.hostName(to)}`;
  return s("g", {
    tabindex: "0", role: "button", "aria-label": names, onclick: open,
    "data-pair": [store.hostName(from), store.hostName(to)].sort().join(" "),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open();
    },
  }, s("path", { class: "edge-hit" }), s("path", { class: "edge-line" }), s("title", {}, names));
}

/** @param {[number, number] | null} pair @param {Edge} edge */
const isPair = (pair, edge) => Boolean(pair?.includes(edge.from) && pair.includes(edge.to));

/** Says of an edge whether a fault lies on it. @returns {(edge: Edge) => boolean} */
function brokenPairs() {
  const pairsBroken = store.faults.get().map(({ shown }) => shown?.between).filter(Boolean);
  return ({ from, to }) => pairsBroken.some((names) =>
    names.includes(store.hostName(from)) && names.includes(store.hostName(to)));
}

/** @param {Map<number, Card>} places @param {number} id @returns {Card} */
function card(places, id) {
  return /** @type {Card} */ (places.get(id));
}

/** @param {Element} group @param {Map<number, Card>} places @param {Set<number>} busy */
function drawNodes(group, places, busy) {
  const chosen = store.chosenHost.get();
  const broken = brokenHosts();
  reconcile(group, places.values(), ({ host }) => host.id, makeNode, (node, place) => {
    const id = place.host.id;
    const names = ["node", `tier-${place.host.tier}`, busy.has(id) && "busy",
      id === chosen && "chosen", broken.has(place.host.name) && "broken", !place.sub && "small"];
    node.setAttribute("class", names.filter(Boolean).join(" "));
    node.setAttribute("transform", `translate(${place.x} ${place.y})`);
    const [rect, title, sub] = node.children;
    rect.setAttribute("x", -place.width / 2);
    rect.setAttribute("y", -place.height / 2);
    rect.setAttribute("width", place.width);
    rect.setAttribute("height", place.height);
    title.textContent = place.title;
    title.setAttribute("y", place.sub ? -2 : 3.5);
    sub.textContent = place.sub;
  });
}

/** @param {Card} place */
function makeNode({ host }) {
  const choose = () => {
    store.chosenPair.set(null);
    store.chosenHost.set(store.chosenHost.peek() === host.id ? -1 : host.id);
  };
  const whole = `${host.name} ${host.addresses.join(" ")}`;
  const node = s("g", {
    tabindex: "0", role: "button",
    "data-host": host.name, onclick: choose,
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose();
    },
  }, s("rect", { rx: 7 }), s("text", { class: "node-title" }),
  s("text", { class: "node-sub", y: 10 }), s("title", {}, whole));
  return node;
}

/** Names of hosts that a fault holds down. */
function brokenHosts() {
  return new Set(store.faults.get().map(({ shown }) => shown?.host).filter(Boolean));
}

/** @param {Element} group @param {Map<number, Card>} places */
function drawDots(group, places) {
  const now = store.now.get();
  const log = store.log.get();
  const count = store.shown.get();
  /** @type {{ event: EventView, share: number }[]} */
  const flying = [];
  for (let index = Math.max(0, count - RECENT); index < count && !still.matches; index += 1) {
    const event = log.events[index];
    if (event.type !== "message" || !joins(event)) continue;
    const share = flight(event, now);
    if (share < 1 && places.has(Number(event.from)) && places.has(Number(event.to))) {
      flying.push({ event, share });
    }
  }
  reconcile(group, flying, ({ event }) => event.id,
    ({ event }) => s("g", { class: `dot ${roomClass(event.room)}` }, s("circle", { r: 5 })),
    (dot, { event, share }) => {
      const { x, y } = pointOn(card(places, Number(event.from)), card(places, Number(event.to)),
        share);
      dot.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    });
}

/** How far a message is on its way, 0 to 1. @param {EventView} event @param {number} now */
function flight(event, now) {
  const log = store.log.peek();
  const lost = log.mishap(event.id)?.fate === "lost";
  const arrival = log.arrival(event.id) ?? event.at;
  const least = store.view.peek() === "live" ? LIVE_FLIGHT_NS : 0.12e9 * store.speed.peek();
  const share = (now - event.at) / Math.max(arrival - event.at, least, 1);
  return lost && share > 0.6 ? 1 : share;
}
