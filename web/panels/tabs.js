// On a phone one panel is shown at a time; the bar at the bottom chooses it.

import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { t } from "../base/i18n.js";
import { effect, signal } from "../base/signal.js";
import * as store from "../model/store.js";

const TABS = /** @type {const} */ ([
  ["story", "story"], ["map", "map"], ["ladder", "ladder"], ["message", "message"],
  ["causes", "tree"], ["state", "state"],
]);

const tab = signal(/** @type {string} */ ("map"));

/** @param {string} name */
export function showTab(name) {
  tab.set(name);
}

export function phoneTabs() {
  effect(() => {
    document.body.dataset.tab = tab.get();
  });
  let before = 0;
  effect(() => {
    const id = store.selected.get();
    const byHand = id !== before && id > 0 && ["ladder", "causes"].includes(tab.peek());
    before = id;
    if (byHand && !store.playing.peek()) tab.set("message");
  });
  return h("nav", { class: "tabs", "aria-label": () => t("panels") },
    TABS.map(([name, image]) => h("button", {
      type: "button", "aria-pressed": () => String(tab.get() === name),
      onclick: () => showTab(name),
    }, icon(image, 20), h("span", {}, () => t(`tab_${name}`)))));
}
