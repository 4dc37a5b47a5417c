// Who carries the load: messages received by each host before the cursor.

import { h } from "../base/dom.js";
import { number } from "../base/format.js";
import { t } from "../base/i18n.js";
import { registerFold } from "../model/fold.js";
import { folded } from "../model/folded.js";
import * as store from "../model/store.js";

/** @import { EventView } from "../model/types.js" */

const SHOWN_MAX = 24;

registerFold({ name: "load", start: () => new Map(), apply });

/** @param {Map<number, number>} load @param {EventView} event */
function apply(load, event) {
  if (event.type !== "message" || event.to === null || event.to === undefined) return;
  load.set(event.to, (load.get(event.to) ?? 0) + 1);
}

export const loadCard = { id: "load", render };

function render() {
  /** @type {[number, number][]} */
  const load = [...folded.get().state.load];
  if (load.length === 0) return null;
  load.sort((a, b) => b[1] - a[1]);
  const most = load[0][1];
  return h("ul", { class: "load" }, load.slice(0, SHOWN_MAX).map(([id, count]) => {
    const host = store.hostsById.get().get(id);
    return h("li", { title: host?.name ?? "" },
      h("span", { class: "load-name" }, host?.person ?? host?.label ?? "?"),
      h("span", { class: "load-tier" }, host ? t(`tier_${host.tier}`) : ""),
      h("span", { class: "figure" }, number(count)),
      h("span", { class: "bar", "aria-hidden": "true" }, h("span", {
        class: "bar-fill", style: { transform: `scaleX(${(count / most).toFixed(4)})` },
      })));
  }));
}
