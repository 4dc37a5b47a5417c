// Messages that are marked, so that something is done with all of them at once.

import { signal } from "../base/signal.js";

const marked = signal(/** @type {Set<number>} */ (new Set()));
/** The row that was marked last: a range goes from there. */
let last = 0;

/** @param {number} uid */
export const has = (uid) => marked.get().has(uid);

/** @param {number[]} uids */
export function set(uids) {
  last = 0;
  marked.set(new Set(uids));
}

/** Nothing is marked. */
export const clear = () => set([]);

/**
 * Marks a row, or takes its mark away; of a range, all from the last one on.
 * @param {number} uid @param {number[]} uids of all rows, in their order @param {boolean} range
 */
export function toggle(uid, uids, range) {
  const next = new Set(marked.peek());
  const isOn = !next.has(uid);
  const [from, to] = [uids.indexOf(last), uids.indexOf(uid)];
  const some = range && from >= 0
    ? uids.slice(Math.min(from, to), Math.max(from, to) + 1) : [uid];
  for (const one of some) {
    if (isOn) next.add(one);
    else next.delete(one);
  }
  last = uid;
  marked.set(next);
}
