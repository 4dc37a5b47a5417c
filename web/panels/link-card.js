// The line between two hosts, opened from the map or its table: what can be broken on it.

import { h } from "../base/dom.js";
import { number } from "../base/format.js";
import { t } from "../base/i18n.js";
import { iconButton } from "../base/widgets.js";
import { setFilter } from "../model/source.js";
import * as store from "../model/store.js";
import { pairFaultButtons } from "./faults.js";
import { pairs } from "./map-pairs.js";

/** Opens the line between two hosts and goes to what can be done there.
 * @param {number} from @param {number} to */
export function openPair(from, to) {
  store.chosenHost.set(-1);
  store.chosenPair.set([from, to]);
  /** @type {HTMLElement | null} */ (document.querySelector(".link-card .fault"))?.focus();
}

export function linkCard() {
  return h("div", { class: "host-card-place" }, () => {
    const pair = store.chosenPair.get();
    if (!pair || store.chosenHost.get() !== -1) return null;
    const hosts = store.hostsById.get();
    const [one, other] = pair.map((id) => hosts.get(id));
    if (!one || !other) return null;
    const side = (one.x + other.x) / 2 > 0.5 ? "at-left" : "";
    return h("section", {
      class: ["host-card", "link-card", side], "aria-label": `${one.name} ↔ ${other.name}`,
    },
    h("header", {}, h("h3", {}, `${one.name} ↔ ${other.name}`),
      iconButton("close", "close", () => store.chosenPair.set(null))),
    h("p", { class: "link-count" }, () => t("link_messages", { count: number(between(pair)) })),
    h("button", {
      type: "button", class: "quiet",
      onclick: () => setFilter(`host:"${one.name}" && host:"${other.name}"`)
        .catch(store.complain),
    }, t("only_this_link")),
    h("h4", {}, t("break_link")),
    pairFaultButtons(one.name, other.name));
  });
}

/** @param {[number, number]} pair */
function between(pair) {
  const found = pairs().filter(({ from, to }) => pair.includes(from) && pair.includes(to));
  return found.reduce((sum, { count }) => sum + count, 0);
}
