// The cursor: play, pause, step, back, seek. In a run it moves over the log; live it
// follows the network's clock, or stands still while the reader looks.

import { batch } from "../base/signal.js";
import { remember } from "../base/storage.js";
import * as store from "./store.js";

/** Seconds of the network per second of the reader. */
export const SPEEDS = [0.02, 0.1, 0.5, 1, 10, 100, 1000];

/** Reader's seconds of silence that are skipped, and what is left before the next event. */
const IDLE_S = 1.2;
const LEAD_S = 0.35;
/** A frame after a pause of the browser counts as this much at most. */
const FRAME_MAX_S = 0.1;
const SECOND = 1e9;

let frame = 0;
let before = 0;

/** @param {number} at @param {number} [count] */
export function seek(at, count) {
  const log = store.log.peek();
  batch(() => {
    store.now.set(at);
    store.shown.set(count ?? log.countUntil(at));
  });
}

/** Moves the cursor to just after an event. @param {number} id */
export function seekEvent(id) {
  const log = store.log.peek();
  const index = log.indexOf(id);
  if (index >= 0) seek(log.events[index].at, index + 1);
}

export function play() {
  const run = store.run.peek();
  if (store.view.peek() !== "run" || !run) return;
  if (store.shown.peek() >= store.log.peek().events.length) seek(0, 0);
  store.playing.set(true);
  before = performance.now();
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(tick);
}

export function pause() {
  store.playing.set(false);
  cancelAnimationFrame(frame);
}

/** @param {number} when */
function tick(when) {
  if (!store.playing.peek() || store.view.peek() !== "run") return;
  const passed = Math.min((when - before) / 1000, FRAME_MAX_S);
  before = when;
  advance(passed);
  if (store.playing.peek()) frame = requestAnimationFrame(tick);
}

/** @param {number} passed reader's seconds */
function advance(passed) {
  const log = store.log.peek();
  const speed = store.speed.peek() * SECOND;
  let at = store.now.peek() + passed * speed;
  const next = log.events[store.shown.peek()];
  if (next && next.at - at > IDLE_S * speed && !inFlight(at)) at = next.at - LEAD_S * speed;
  const end = store.run.peek()?.duration_ns ?? 0;
  const last = log.events.at(-1)?.at ?? 0;
  if (!next && (at >= end || !inFlight(at))) {
    at = Math.max(end, last);
    pause();
  }
  seek(at);
}

/** Whether a message is on its way at `at`. @param {number} at */
function inFlight(at) {
  const log = store.log.peek();
  const count = store.shown.peek();
  for (let index = count - 1; index >= Math.max(0, count - 64); index -= 1) {
    const event = log.events[index];
    if (event.type === "message" && (log.arrival(event.id) ?? 0) > at) return true;
  }
  return false;
}

/** To the next row of the ladder, or the one before, and chooses it. @param {1 | -1} way */
export function step(way) {
  const rows = store.rows.peek();
  if (store.view.peek() !== "run") return choose(way);
  pause();
  const target = store.rowsShown.peek() + (way > 0 ? 0 : -2);
  const row = rows[target];
  if (row) {
    seekEvent(row.id);
    store.selected.set(row.id);
  } else if (way < 0) {
    seek(0, 0);
    store.selected.set(0);
  } else {
    toEnd();
  }
}

/** Chooses the next row among those shown. @param {1 | -1} way */
export function choose(way) {
  const rows = store.rows.peek();
  const count = store.rowsShown.peek();
  const here = rows.findIndex((row) => row.id === store.selected.peek());
  const next = here < 0 ? (way > 0 ? 0 : count - 1) : here + way;
  if (next >= 0 && next < count) store.selected.set(rows[next].id);
}

export function toStart() {
  pause();
  seek(0, 0);
}

export function toEnd() {
  pause();
  const log = store.log.peek();
  const last = log.events.at(-1)?.at ?? 0;
  seek(Math.max(store.run.peek()?.duration_ns ?? 0, last), log.events.length);
}

/** @param {number} value */
export function setSpeed(value) {
  remember("speed", String(value));
  store.speed.set(value);
}

/** @param {1 | -1} way */
export function changeSpeed(way) {
  const here = SPEEDS.findIndex((speed) => speed >= store.speed.peek());
  setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, here + way))]);
}
