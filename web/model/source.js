// Where the events come from: the live network, as a stream; or a run, as a whole log.

import { batch } from "../base/signal.js";
import * as api from "./api.js";
import { fold } from "./folded.js";
import { EventLog, LIVE_EVENTS_MAX } from "./log.js";
import { formatRoute, parseRoute } from "./route.js";
import * as player from "./player.js";
import * as store from "./store.js";

/** @import { Change, EventView, FaultSpec } from "./types.js" */
/** @import { Route } from "./route.js" */

/** Events that arrive within this many milliseconds are shown together. */
const BATCH_MS = 60;
/** The live clock is moved this often. */
const CLOCK_MS = 200;
const MS = 1e6;

/** @type {EventSource | null} */
let stream = null;
/** @type {EventView[]} */
let waiting = [];
let timer = 0;
/** Network time of the page's time 0, in milliseconds. */
let origin = 0;
let follow = true;

/** Shows what the address names; called at the start and whenever it changes. */
export async function open() {
  const route = parseRoute(location.hash);
  try {
    if (route.view === "run" && route.scenario) await openRun(route);
    else if (route.view === "course") store.view.set("course");
    else await openLive(route);
  } catch (error) {
    store.complain(error);
  } finally {
    store.loading.set("");
  }
}

/** @param {Route} route */
async function openLive(route) {
  const [status, world] = await Promise.all([api.status(), api.world()]);
  origin = status.now_ns / MS - performance.now();
  player.pause();
  fold.reset();
  batch(() => {
    store.view.set("live");
    store.run.set(null);
    store.status.set(status);
    store.world.set(world);
    store.log.set(new EventLog(LIVE_EVENTS_MAX));
    store.version.update((count) => count + 1);
    store.shown.set(0);
    store.selected.set(route.message ?? 0);
    store.chosenHost.set(-1);
    store.chosenPair.set(null);
  });
  setFollow(true);
  listen(0);
  await refreshFaults();
  await setFilter(route.filter ?? "");
}

/** @param {number} after */
function listen(after) {
  stream?.close();
  const query = new URLSearchParams({ after: String(after) });
  if (store.filterText.peek()) query.set("filter", store.filterText.peek());
  stream = new EventSource(`/api/events?${query}`);
  stream.onopen = () => store.connected.set(true);
  stream.onerror = () => store.connected.set(false);
  stream.onmessage = ({ data }) => receive(JSON.parse(data));
  stream.addEventListener("skipped", ({ data }) => {
    store.log.peek().forgotten += JSON.parse(data).count;
  });
}

/** @param {EventView | EventView[]} data */
function receive(data) {
  waiting.push(...(Array.isArray(data) ? data : [data]));
  const over = waiting.length - LIVE_EVENTS_MAX;
  if (over > 0) {
    waiting.splice(0, over);
    store.log.peek().forgotten += over;
  }
  if (follow && !timer) timer = setTimeout(show, BATCH_MS);
}

function show() {
  timer = 0;
  if (!follow || store.view.peek() !== "live" || waiting.length === 0) return;
  const log = store.log.peek();
  const newest = log.events.at(-1)?.id ?? 0;
  const events = waiting.filter(({ id }) => id > newest);
  waiting = [];
  batch(() => {
    log.append(events);
    fold.push(events);
    const allowed = store.hits.peek();
    if (allowed) {
      const found = events.filter(({ hit }) => hit).map(({ id }) => id);
      // What the log has forgotten is forgotten here too.
      const oldest = log.events[0]?.id ?? 0;
      const kept = [...allowed].filter((id) => id >= oldest);
      if (found.length > 0) store.hits.set(new Set([...kept, ...found]));
    }
    store.version.update((count) => count + 1);
    store.shown.set(log.events.length);
    moveClock();
  });
  if (events.some(({ kind }) => kind === "fault")) refreshFaults().catch(store.complain);
  if (events.some(({ from, to }) => isNew(from) || isNew(to))) refreshWorld();
}

/** @param {number | null | undefined} id */
const isNew = (id) => typeof id === "number" && !store.hostsById.peek().has(id);

/** Hosts join the network while programs run in it. */
function refreshWorld() {
  api.world().then(store.world.set).catch(store.complain);
}

function moveClock() {
  const last = store.log.peek().events.at(-1)?.at ?? 0;
  origin = Math.max(origin, last / MS - performance.now());
  store.now.set((origin + performance.now()) * MS);
}

setInterval(() => {
  if (store.view.peek() === "live" && follow && !document.hidden) moveClock();
}, CLOCK_MS);

/** Live: whether the view follows the network or stands still. @param {boolean} on */
export function setFollow(on) {
  follow = on;
  store.playing.set(on);
  if (on) show();
}

/** Play and pause, for both sources. */
export function toggle() {
  if (store.view.peek() === "live") setFollow(!follow);
  else if (store.playing.peek()) player.pause();
  else player.play();
}

/** @param {Route} route */
async function openRun(route) {
  store.loading.set(route.scenario ?? "");
  const run = await api.run(route.scenario ?? "", route.seed, route.changes ?? []);
  stream?.close();
  stream = null;
  waiting = [];
  const log = new EventLog();
  log.append(run.events);
  log.forgotten = run.left_off ?? 0;
  fold.reset();
  player.pause();
  batch(() => {
    store.view.set("run");
    store.run.set(run);
    store.world.set(run.world);
    store.log.set(log);
    store.hits.set(null);
    store.filterText.set("");
    store.version.update((count) => count + 1);
    store.selected.set(0);
    store.chosenHost.set(-1);
    store.chosenPair.set(null);
    store.faults.set((run.changes ?? []).map(({ at, shown }, id) => ({ id, at, shown })));
    player.seek(0, 0);
  });
  await setFilter(route.filter ?? "");
  if (route.message) {
    player.seekEvent(route.message);
    store.selected.set(route.message);
  } else if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    player.toEnd();
  } else {
    player.play();
  }
}

/** The address of what is shown now. @param {number} [message] @returns {string} */
export function here(message) {
  const run = store.run.peek();
  const filter = store.filterText.peek() || undefined;
  if (store.view.peek() === "run" && run) {
    const { scenario, seed, changes } = run;
    return formatRoute({ view: "run", scenario, seed, changes, message, filter });
  }
  return formatRoute({ view: "live", message, filter });
}

/** Asks the server which events a filter lets through. @param {string} text */
export async function setFilter(text) {
  const live = store.view.peek() === "live";
  const answer = text ? await api.filter(text, live ? null : store.run.peek()?.id ?? null) : null;
  if (answer && !answer.ok) return answer.error;
  batch(() => {
    store.filterText.set(text);
    store.hits.set(answer ? new Set(answer.hits) : null);
  });
  if (live) listen(store.log.peek().events.at(-1)?.id ?? 0);
  return null;
}

export async function refreshFaults() {
  if (store.view.peek() === "live") store.faults.set((await api.faults()).faults);
}

/**
 * Breaks something. Live it holds at once; in a run the run is made again from its
 * seed with the fault at the cursor's time.
 * @param {FaultSpec} fault
 */
export async function breakIt(fault) {
  if (store.view.peek() === "live") {
    await api.addFault(fault);
    return refreshFaults();
  }
  return again((changes) => [...changes, { at: Math.floor(store.now.peek()), ...fault }]);
}

/** @param {number} id */
export async function mend(id) {
  if (store.view.peek() === "live") {
    await api.removeFault(id);
    return refreshFaults();
  }
  return again((changes) => changes.filter((_, index) => index !== id));
}

/** @param {(changes: Change[]) => Change[]} change */
async function again(change) {
  const run = store.run.peek();
  if (!run) return;
  const at = store.now.peek();
  const { scenario, seed } = run;
  const changes = change(run.changes ?? []);
  history.replaceState(null, "", formatRoute({ view: "run", scenario, seed, changes }));
  await open();
  player.seek(at);
  player.play();
}
