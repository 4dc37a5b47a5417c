// The line of time under the head: ticks of messages, steps, faults, and the cursor.
// In a run it is dragged; live it shows the last minute.

import { h, s } from "../base/dom.js";
import { clock } from "../base/format.js";
import { either, t } from "../base/i18n.js";
import { effect } from "../base/signal.js";
import { roomClass } from "../model/rooms.js";
import * as player from "../model/player.js";
import * as store from "../model/store.js";

const HEIGHT = 28;
const MARGIN = 12;
/** Live: what the line covers. */
const LIVE_NS = 60e9;
/** Ticks nearer than this many pixels are drawn as one. */
const TICK_PX = 2;

/** Silence longer than this share of a run is drawn short, so that the rest is seen. */
const GAP_SHARE = 0.06;

/** @typedef {{ at: number, x: number }} Knot */

export function timelineBar() {
  const ticks = s("g");
  const marks = s("g");
  const cursor = s("g", { class: "cursor" });
  const svg = s("svg", { class: "timeline-drawing", height: HEIGHT, "aria-hidden": "true" },
    s("line", { class: "timeline-axis", x1: 0, x2: "100%", y1: 21, y2: 21 }), ticks, marks, cursor);
  const bar = h("div", {
    class: "timeline", tabindex: "0", role: "slider", "aria-label": () => t("timeline"),
    "aria-valuemin": "0",
    "aria-valuemax": () => String(Math.round((store.run.get()?.duration_ns ?? LIVE_NS) / 1e6)),
    "aria-valuenow": () => String(Math.round(store.now.get() / 1e6)),
    "aria-valuetext": () => clock(store.now.get()),
  }, svg);
  /** @type {Knot[]} */
  let knots = [];
  const width = () => Math.max(1, bar.clientWidth - 2 * MARGIN);

  function draw() {
    store.version.get();
    knots = makeKnots(width());
    drawTicks(ticks, knots);
    drawMarks(marks, knots);
    moveCursor();
  }
  function moveCursor() {
    const x = place(knots, store.now.peek());
    cursor.replaceChildren(s("line", { x1: x, x2: x, y1: 3, y2: HEIGHT - 3 }),
      s("circle", { cx: x, cy: 21, r: 5 }));
    cursor.setAttribute("visibility", store.view.peek() === "run" ? "visible" : "hidden");
  }
  effect(draw);
  effect(() => {
    const live = store.view.get() === "live";
    store.now.get();
    if (live) draw();
    else moveCursor();
  });
  new ResizeObserver(draw).observe(bar);
  const seek = (/** @type {PointerEvent} */ event) => {
    const x = event.clientX - bar.getBoundingClientRect().left;
    player.seek(timeAt(knots, x));
  };
  bar.addEventListener("pointerdown", (event) => {
    if (store.view.peek() !== "run") return;
    player.pause();
    bar.setPointerCapture(event.pointerId);
    seek(event);
  });
  bar.addEventListener("pointermove", (event) => {
    if (bar.hasPointerCapture(event.pointerId)) seek(event);
  });
  return bar;
}

/** Points between which time is drawn evenly. @param {number} width @returns {Knot[]} */
function makeKnots(width) {
  const run = store.run.peek();
  if (!run) {
    const now = store.now.peek();
    return [{ at: now - LIVE_NS, x: MARGIN }, { at: now, x: MARGIN + width }];
  }
  const times = [0, ...store.log.peek().events.map(({ at }) => at), run.duration_ns];
  const busy = times.reduce((sum, at, index) => {
    const gap = index > 0 ? at - times[index - 1] : 0;
    return sum + (gap > GAP_SHARE * run.duration_ns ? 0 : gap);
  }, 0);
  const cut = Math.max(busy, 1) * GAP_SHARE * 2;
  const lengths = times.map((at, index) => Math.min(cut, index > 0 ? at - times[index - 1] : 0));
  const whole = lengths.reduce((sum, length) => sum + length, 0) || 1;
  let sum = 0;
  return times.map((at, index) => {
    sum += lengths[index];
    return { at, x: MARGIN + (sum / whole) * width };
  });
}

/** @param {Knot[]} knots @param {(knot: Knot) => boolean} below */
function segment(knots, below) {
  let [low, high] = [0, knots.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (below(knots[middle])) low = middle + 1;
    else high = middle;
  }
  return [knots[Math.max(0, low - 1)], knots[low]];
}

/** @param {Knot[]} knots @param {number} at */
function place(knots, at) {
  if (knots.length === 0) return MARGIN;
  const [a, b] = segment(knots, (knot) => knot.at < at);
  const share = b.at > a.at ? (at - a.at) / (b.at - a.at) : 1;
  return a.x + Math.min(1, Math.max(0, share)) * (b.x - a.x);
}

/** @param {Knot[]} knots @param {number} x */
function timeAt(knots, x) {
  if (knots.length === 0) return 0;
  const [a, b] = segment(knots, (knot) => knot.x < x);
  const share = b.x > a.x ? (x - a.x) / (b.x - a.x) : 1;
  return Math.floor(a.at + Math.min(1, Math.max(0, share)) * (b.at - a.at));
}

/** @param {Element} group @param {Knot[]} knots */
function drawTicks(group, knots) {
  const drawn = new Set();
  /** @type {Element[]} */
  const lines = [];
  for (const event of store.log.peek().events) {
    if (event.type !== "message" || event.at < knots[0].at) continue;
    const x = Math.round(place(knots, event.at) / TICK_PX) * TICK_PX;
    const key = `${x}${event.room}`;
    if (drawn.has(key)) continue;
    drawn.add(key);
    lines.push(s("line", { class: `tick ${roomClass(event.room)}`, x1: x, x2: x, y1: 14, y2: 21 }));
  }
  group.replaceChildren(...lines);
}

/** Steps and faults. @param {Element} group @param {Knot[]} knots */
function drawMarks(group, knots) {
  const run = store.run.peek();
  const steps = (run?.steps ?? []).map((step, index) => {
    const x = place(knots, step.at);
    return s("g", { class: "step-mark" },
      s("path", { d: `M${x} 13 l-4 -4 v-7 h8 v7 z` }),
      s("text", { x, y: 9 }, index + 1), s("title", {}, either(step.title)));
  });
  const faults = store.faults.peek().filter(({ at }) => at !== undefined).map(({ at }) => {
    const x = place(knots, at);
    return s("path", { class: "fault-mark", d: `M${x} 25 l-4 -7 h8 z` });
  });
  group.replaceChildren(...steps, ...faults);
}
