// The queues of the mail servers: who still waits for what, and when it is tried again
// (course M3).

import { h, reconcile } from "../base/dom.js";
import { countdown } from "../base/format.js";
import { t } from "../base/i18n.js";
import { effect } from "../base/signal.js";
import { registerFold } from "../model/fold.js";
import { folded } from "../model/folded.js";
import * as store from "../model/store.js";

/** @import { EventView } from "../model/types.js" */
/** @typedef {"queued" | "delivering" | "deferred" | "delivered" | "bounced"} Stage */
/** @typedef {{ key: string, host: number, recipient: string, stage: Stage, at: number,
 *  next: number, reason: string, attempt: number, event: number }} Waiting */

/** Recipients that are kept here; the oldest go first. */
const KEPT_MAX = 400;
const SHOWN_MAX = 40;
const SECOND = 1e9;
/** How long a recipient that is done is still shown. */
const DONE_SHOWN_NS = 5 * SECOND;

registerFold({ name: "queues", start: () => new Map(), apply });

/** @param {Map<string, Waiting>} queues @param {EventView} event */
function apply(queues, event) {
  if (event.type !== "note" || event.room !== "mail" || event.from == null) return;
  const data = event.data ?? {};
  const stage = event.kind ?? "";
  if (!["queued", "delivering", "deferred", "delivered", "bounced"].includes(stage)) return;
  const key = `${event.from} ${data.id} ${data.recipient}`;
  const before = queues.get(key);
  queues.delete(key);
  queues.set(key, {
    key, host: event.from, recipient: String(data.recipient ?? ""), at: event.at,
    stage: /** @type {Stage} */ (stage), event: event.id, reason: String(data.reason ?? ""),
    attempt: Number(data.attempt ?? before?.attempt ?? 0),
    next: stage === "deferred" ? event.at + Number(data.next_s ?? 0) * SECOND : 0,
  });
  if (queues.size > KEPT_MAX) queues.delete(queues.keys().next().value ?? "");
}

export const queueCard = { id: "queue", render };

function render() {
  /** @type {Map<string, Waiting>} */
  const queues = folded.get().state.queues;
  if (queues.size === 0) return null;
  const list = h("ul", { class: "cache queue" });
  const idle = h("p", { class: "empty" }, t("queue_idle"));
  effect(() => {
    const now = store.now.get();
    const alive = [...queues.values()].filter(({ stage, at }) =>
      (stage !== "delivered" && stage !== "bounced") || now - at < DONE_SHOWN_NS);
    idle.hidden = alive.length > 0;
    reconcile(list, alive.reverse().slice(0, SHOWN_MAX), ({ key, event }) => `${key} ${event}`,
      make, fill);
  });
  return [list, idle];
}

/** @param {Waiting} waiting */
function make(waiting) {
  return h("li", { class: `stage-${waiting.stage}`, title: waiting.reason },
    h("button", { type: "button", class: "cache-face",
      onclick: () => store.selected.set(waiting.event) },
    h("span", { class: "cache-name" }, waiting.recipient),
    h("span", { class: "cache-type" }, store.hostLabel(waiting.host)),
    h("span", { class: "cache-left figure" })));
}

/** @param {HTMLElement} element @param {Waiting} waiting */
function fill(element, { stage, next }) {
  const text = /** @type {HTMLElement} */ (element.querySelector(".cache-left"));
  text.textContent = stage === "deferred"
    ? t("queue_next", { time: countdown(next - store.now.peek()) }) : t(`queue_${stage}`);
}
