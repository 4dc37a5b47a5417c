// What the page shows: one source of events (live or a run), a cursor over it, and
// what the reader chose. Panels read these signals; only the functions of model/ set
// them.

import { computed, signal } from "../base/signal.js";
import { language, t } from "../base/i18n.js";
import { recall } from "../base/storage.js";
import { EventLog, LIVE_EVENTS_MAX } from "./log.js";

/** @import { EventView, Run, Scenario, Status, World, HostView } from "./types.js" */

/** Which source is shown. */
export const view = signal(/** @type {"live" | "run" | "course"} */ ("live"));
export const status = signal(/** @type {Status | null} */ (null));
export const world = signal(/** @type {World} */ ({ hosts: [], tiers: [], regions: [] }));
export const scenarios = signal(/** @type {Scenario[]} */ ([]));
export const run = signal(/** @type {Run | null} */ (null));
/** A scenario that is being run by the server. */
export const loading = signal("");
/** The last thing that went wrong, for the bar at the top. */
export const trouble = signal("");
/** A short word of success. */
export const toast = signal("");

/** The events of the source; `version` grows when they change. */
export const log = signal(new EventLog(LIVE_EVENTS_MAX));
export const version = signal(0);
/** The time of the cursor, in nanoseconds of the network. */
export const now = signal(0);
/** Events before the cursor. */
export const shown = signal(0);
export const playing = signal(false);
/** Seconds of the network per second of the reader. */
export const speed = signal(Number(recall("speed", "0.1")) || 0.1);

/** The event chosen by the reader, 0 for none. */
export const selected = signal(0);
/** The host chosen on the map, -1 for none. */
export const chosenHost = signal(-1);
/** The two hosts whose line is opened on the map. */
export const chosenPair = signal(/** @type {[number, number] | null} */ (null));
/** Whether decisions are shown between the messages. */
export const notesShown = signal(recall("notes", "no") === "yes");
/** The filter that holds, and the events that it lets through (null: all). */
export const filterText = signal("");
export const hits = signal(/** @type {Set<number> | null} */ (null));
/** What is wrong with the filter that was asked for last.
 * @typedef {{ text: string, column: number, message: { en: string, es: string } }} FilterError */
export const mistake = signal(/** @type {FilterError | null} */ (null));
/** Faults that are in force (live) or part of the run. */
export const faults = signal(/** @type {any[]} */ ([]));
/** Whether the server's stream of live events is connected. */
export const connected = signal(false);

export const hostsById = computed(() => {
  /** @type {Map<number, HostView>} */
  const map = new Map();
  for (const host of world.get().hosts) map.set(host.id, host);
  return map;
});

/** @param {number | null | undefined} id */
export function hostName(id) {
  const host = id === null || id === undefined ? undefined : hostsById.get().get(id);
  return host?.name ?? "?";
}

/** Tiers whose labels need their word beside them. */
const MENTIONED_WITH_TIER = new Set(["root", "tld", "authoritative", "resolver"]);

/** A host in a sentence: the person, or what it is and whose.
 * @param {number | null | undefined} id @param {string} [address] */
export function hostLabel(id, address) {
  const host = id === null || id === undefined ? undefined : hostsById.get().get(id);
  if (!host) return address ?? "?";
  if (host.person) return host.person;
  return MENTIONED_WITH_TIER.has(host.tier) ? `${t(`one_${host.tier}`)} ${host.label}` : host.label;
}

/** @param {EventView} event */
function isRow(event) {
  if (event.type === "message") return true;
  if (event.type === "connection") return event.kind === "refused" || event.kind === "reset"
    || event.kind === "timed_out" || notesShown.get();
  return event.type === "note" && (notesShown.get() || event.kind === "action"
    || event.kind === "fault");
}

/** The rows of the ladder, over the whole source. */
export const rows = computed(() => {
  version.get();
  const allowed = hits.get();
  return log.get().events.filter((event) => isRow(event) && (!allowed || allowed.has(event.id)));
});

/** How many of `rows` lie before the cursor. */
export const rowsShown = computed(() => {
  const list = rows.get();
  const last = log.get().events[shown.get() - 1]?.id ?? 0;
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].id <= last) low = middle + 1;
    else high = middle;
  }
  return low;
});

/** The chosen event. */
export const chosen = computed(() => {
  version.get();
  return log.get().byId.get(selected.get());
});

/** Why a host did something, in the reader's language. @param {EventView} event */
export function reason(event) {
  const spanish = event.data?.reason_es;
  if (language.get() === "es" && typeof spanish === "string") return spanish;
  return event.reason ?? "";
}

/** @param {unknown} error */
export function complain(error) {
  trouble.set(error instanceof Error ? error.message : String(error));
}
