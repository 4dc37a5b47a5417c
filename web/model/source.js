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
/** How often something was opened, and a filter asked for: an answer that was overtaken by a
 * newer wish shows nothing. */
let opened = 0;
let filtered = 0;
/** The filter that was asked for last. */
let wanted = "";
/** Changes of a run, one after the other: each begins with what the one before has made. */
let changing = Promise.resolve();

/** Shows what the address names; called at the start and whenever it changes. */
export const open = () => openAt(undefined);

/** @param {number | undefined} at time of the cursor in a run, in nanoseconds: goes on there */
async function openAt(at) {
  opened += 1;
  const mine = opened;
  const overtaken = () => mine !== opened;
  const route = parseRoute(location.hash);
  wanted = route.filter ?? "";
  store.loading.set("");
  try {
    if (route.view === "run" && route.scenario) await openRun(route, overtaken, at);
    else if (route.view === "course") store.view.set("course");
    else await openLive(route, overtaken);
  } catch (error) {
    if (!overtaken()) store.complain(error);
  }
  if (!overtaken()) store.loading.set("");
}

/** @param {Route} route @param {() => boolean} overtaken */
async function openLive(route, overtaken) {
  const [status, world] = await Promise.all([api.status(), api.world()]);
  if (overtaken()) return;
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
  if (!overtaken()) await setFilter(wanted);
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
  api.world().then((world) => {
    if (store.view.peek() === "live") store.world.set(world);
  }).catch(store.complain);
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

/** @param {Route} route @param {() => boolean} overtaken @param {number | undefined} at */
async function openRun(route, overtaken, at) {
  store.loading.set(route.scenario ?? "");
  const run = await api.run(route.scenario ?? "", route.seed, route.changes ?? []);
  if (overtaken()) return;
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
  if (at !== undefined) {
    player.seek(at);
    player.play();
  } else if (route.message) {
    player.seekEvent(route.message);
    store.selected.set(route.message);
  } else if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    player.toEnd();
  } else {
    player.play();
  }
  await setFilter(wanted);
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

/** Asks the server which events a filter lets through. One that it does not understand
 * changes nothing and is told below the field. @param {string} text */
export async function setFilter(text) {
  filtered += 1;
  const mine = filtered;
  wanted = text;
  store.mistake.set(null);
  const live = store.view.peek() === "live";
  const answer = text ? await api.filter(text, live ? null : store.run.peek()?.id ?? null) : null;
  if (mine !== filtered) return;
  if (answer && !answer.ok) {
    wanted = store.filterText.peek();
    store.mistake.set({ text, ...answer.error });
    return;
  }
  batch(() => {
    store.filterText.set(text);
    store.hits.set(answer ? new Set(answer.hits) : null);
  });
  if (live) listen(store.log.peek().events.at(-1)?.id ?? 0);
}

export async function refreshFaults() {
  if (store.view.peek() !== "live") return;
  const { faults } = await api.faults();
  if (store.view.peek() === "live") store.faults.set(faults);
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
  const gone = JSON.stringify(store.run.peek()?.changes?.[id]);
  return again((changes) => {
    const at = changes.findIndex((one) => JSON.stringify(one) === gone);
    return changes.filter((_, index) => index !== at);
  });
}

/** @param {(changes: Change[]) => Change[]} change */
function again(change) {
  const asked = store.run.peek()?.scenario;
  changing = changing.catch(() => {}).then(async () => {
    const run = store.run.peek();
    if (!run || store.view.peek() !== "run" || run.scenario !== asked) return;
    const at = store.now.peek();
    const { scenario, seed } = run;
    const changes = change(run.changes ?? []);
    history.replaceState(null, "", formatRoute({ view: "run", scenario, seed, changes }));
    await openAt(at);
  });
  return changing;
}
