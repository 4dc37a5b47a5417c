// The one fold of the page, shared by its panels.

import { computed } from "../base/signal.js";
import { Fold } from "./fold.js";
import * as store from "./store.js";

export const fold = new Fold();

/** What the servers know at the cursor. */
export const folded = computed(() => {
  store.version.get();
  const log = store.log.get();
  const count = store.shown.get();
  const state = store.view.get() === "run" ? fold.at(log.events, count) : fold.state;
  return { state };
});
