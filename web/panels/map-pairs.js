// The lines of the map: which hosts have spoken with each other.

import * as store from "../model/store.js";

/** @import { EventView } from "../model/types.js" */
/** @typedef {{ key: string, from: number, to: number, room: string, count: number, last: number }}
 *  Edge */

/** The pairs of hosts that have spoken before the cursor. */
export function pairs() {
  const log = store.log.get();
  store.version.get();
  const count = store.shown.get();
  /** @type {Map<string, Edge>} */
  const found = new Map();
  for (let index = Math.max(0, count - 5000); index < count; index += 1) {
    const event = log.events[index];
    if (!event || event.type !== "message" || !joins(event)) continue;
    const [from, to] = [Number(event.from), Number(event.to)];
    const key = from < to ? `${from}-${to}-${event.room}` : `${to}-${from}-${event.room}`;
    const edge = found.get(key);
    if (edge) {
      edge.count += 1;
      edge.last = event.at;
    } else {
      found.set(key, { key, from, to, room: event.room, count: 1, last: event.at });
    }
  }
  return [...found.values()];
}

/** @param {EventView} event */
export const joins = (event) => event.from !== null && event.from !== undefined && event.to !== null
  && event.to !== undefined && event.from !== event.to;
