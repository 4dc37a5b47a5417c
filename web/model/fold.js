// State panels are a fold of events: what a server knows at the cursor is made from
// the notes before it. A copy is kept every thousand events, so that going back is
// cheap. Rooms register their part by name; a new room changes nothing here.

/** @import { EventView } from "./types.js" */
/** @typedef {{ name: string, start: () => any, apply: (state: any, event: EventView) => void }}
 *  Part */

/** Events between two kept copies. */
const SNAPSHOT_EVERY = 1000;

/** @type {Part[]} */
const parts = [];

/** @param {Part} part */
export function registerFold(part) {
  parts.push(part);
}

export class Fold {
  constructor() {
    /** @type {Map<number, Record<string, any>>} */
    this.snapshots = new Map();
    this.count = 0;
    this.state = start();
  }

  /** Begins again: another source, or further parts. */
  reset() {
    this.snapshots = new Map();
    this.count = 0;
    this.state = start();
  }

  /**
   * The state after the first `count` events.
   * @param {EventView[]} events @param {number} count
   */
  at(events, count) {
    if (count < this.count) this.restore(count);
    while (this.count < count) {
      const event = events[this.count];
      for (const part of parts) part.apply(this.state[part.name], event);
      this.count += 1;
      if (this.count % SNAPSHOT_EVERY === 0 && !this.snapshots.has(this.count)) {
        this.snapshots.set(this.count, structuredClone(this.state));
      }
    }
    return this.state;
  }

  /** Applies events that no index counts: a live source that forgets old ones.
   * @param {EventView[]} events */
  push(events) {
    for (const event of events) {
      for (const part of parts) part.apply(this.state[part.name], event);
    }
    return this.state;
  }

  /** @param {number} count */
  restore(count) {
    const nearest = Math.floor(count / SNAPSHOT_EVERY) * SNAPSHOT_EVERY;
    const snapshot = this.snapshots.get(nearest);
    this.count = snapshot ? nearest : 0;
    this.state = snapshot ? structuredClone(snapshot) : start();
  }
}

function start() {
  /** @type {Record<string, any>} */
  const state = {};
  for (const part of parts) state[part.name] = part.start();
  return state;
}
