// The events of a source, in order, with the links between them.

/** @import { EventView } from "./types.js" */

/** A live page keeps this many events; the server's ring holds the same order of them. */
export const LIVE_EVENTS_MAX = 20_000;

/** Kinds of fates that show on an arrow. */
const MARKED = new Set(["lost", "corrupted", "duplicated"]);

export class EventLog {
  /** @param {number} [most] older events are forgotten past it */
  constructor(most = Infinity) {
    this.most = most;
    /** @type {EventView[]} */
    this.events = [];
    /** @type {Map<number, EventView>} */
    this.byId = new Map();
    /** @type {Map<number, EventView[]>} what each event caused */
    this.effects = new Map();
    /** @type {Map<number, EventView[]>} what became of each message */
    this.fates = new Map();
    /** @type {Map<number, number>} the first ancestor of each event */
    this.roots = new Map();
    this.forgotten = 0;
  }

  /** @param {EventView[]} events newer than those here, in order */
  append(events) {
    for (const event of events) {
      this.events.push(event);
      this.byId.set(event.id, event);
      // Causes are older than what they cause, so their roots are known.
      this.roots.set(event.id, this.roots.get(event.cause) ?? event.id);
      if (event.type === "fate" && event.of) push(this.fates, event.of, split(event));
      else if (event.cause) push(this.effects, event.cause, event);
    }
    if (this.events.length > this.most) this.forget(this.events.length - this.most);
  }

  /** @param {number} count */
  forget(count) {
    const gone = this.events.splice(0, count);
    this.forgotten += gone.length;
    for (const { id } of gone) {
      this.byId.delete(id);
      this.effects.delete(id);
      this.fates.delete(id);
      this.roots.delete(id);
    }
  }

  /** The number of events that began at or before `at`. @param {number} at */
  countUntil(at) {
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.events[middle].at <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The index of the event `id`, or -1. @param {number} id */
  indexOf(id) {
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.events[middle].id < id) low = middle + 1;
      else high = middle;
    }
    return this.events[low]?.id === id ? low : -1;
  }

  /** When a message arrived, or undefined while it travels or when it is lost.
   * @param {number} id */
  arrival(id) {
    return this.fates.get(id)?.find((fate) => fate.fate !== "lost")?.at;
  }

  /** What went wrong with a message on its way, if anything did. @param {number} id */
  mishap(id) {
    return this.fates.get(id)?.find((fate) => MARKED.has(fate.fate ?? ""));
  }

  /** The first ancestor of an event that is here. @param {EventView} event */
  root(event) {
    return this.byId.get(this.roots.get(event.id) ?? event.id) ?? event;
  }

  /** @param {EventView} event */
  parent(event) {
    return event.cause ? this.byId.get(event.cause) : undefined;
  }
}

/** @param {Map<number, EventView[]>} map @param {number} key @param {EventView} value */
function push(map, key, value) {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** A fate is a word and, when a message was lost, why: `lost: queue`.
 * @param {EventView} event @returns {EventView} */
function split(event) {
  const [fate, reason] = (event.fate ?? "").split(": ");
  return { ...event, at: event.fate_at ?? event.at, fate, reason };
}
