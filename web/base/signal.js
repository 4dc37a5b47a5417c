// Values that tell their readers when they change.
//
//   signal(v)      a value
//   computed(f)    a value made of others, made again when one of them changes
//   effect(f)      runs f now and again whenever a value that it read changes

/** @typedef {{ run: () => void, sources: Set<Set<Watcher>>, dead: boolean }} Watcher */
/**
 * @template T
 * @typedef {{ get: () => T, set: (value: T) => void, peek: () => T,
 *   update: (change: (value: T) => T) => void }} Signal
 */

/** @type {Watcher | null} */
let current = null;
/** @type {Array<() => void> | null} */
let owner = null;
let depth = 0;
/** @type {Set<Watcher>} */
const waiting = new Set();

/** Rounds of effects that wake effects before we call it a loop. */
const ROUNDS_MAX = 100;

/**
 * @template T
 * @param {T} value
 * @returns {Signal<T>}
 */
export function signal(value) {
  /** @type {Set<Watcher>} */
  const readers = new Set();
  const get = () => {
    if (current) {
      readers.add(current);
      current.sources.add(readers);
    }
    return value;
  };
  /** @param {T} next */
  const set = (next) => {
    if (Object.is(value, next)) return;
    value = next;
    batch(() => readers.forEach((reader) => waiting.add(reader)));
  };
  return { get, set, peek: () => value, update: (change) => set(change(value)) };
}

/**
 * Runs `change` and wakes the readers of everything that it set once, at its end.
 * @param {() => void} change
 */
export function batch(change) {
  depth += 1;
  try {
    change();
    for (let round = 0; depth === 1 && waiting.size > 0; round += 1) {
      if (round > ROUNDS_MAX) throw new Error("effects wake each other without end");
      const now = [...waiting];
      waiting.clear();
      for (const watcher of now) if (!watcher.dead) watcher.run();
    }
  } finally {
    depth -= 1;
  }
}

/**
 * @param {() => void} body
 * @returns {() => void} ends it
 */
export function effect(body) {
  /** @type {Array<() => void>} */
  let inner = [];
  const clear = () => {
    inner.forEach((end) => end());
    inner = [];
    watcher.sources.forEach((readers) => readers.delete(watcher));
    watcher.sources.clear();
  };
  const run = () => {
    clear();
    const [outerWatcher, outerOwner] = [current, owner];
    [current, owner] = [watcher, inner];
    try {
      body();
    } finally {
      [current, owner] = [outerWatcher, outerOwner];
    }
  };
  /** @type {Watcher} */
  const watcher = { run, sources: new Set(), dead: false };
  const end = () => {
    watcher.dead = true;
    clear();
  };
  owner?.push(end);
  run();
  return end;
}

/**
 * @template T
 * @param {() => T} make
 * @returns {{ get: () => T, peek: () => T }}
 */
export function computed(make) {
  const value = signal(/** @type {T} */ (undefined));
  effect(() => value.set(make()));
  return { get: value.get, peek: value.peek };
}

/**
 * Runs `body` without making the running effect a reader of what it reads.
 * @template T
 * @param {() => T} body
 * @returns {T}
 */
export function untracked(body) {
  const outer = current;
  current = null;
  try {
    return body();
  } finally {
    current = outer;
  }
}
