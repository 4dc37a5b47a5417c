// What the servers know at the cursor. Each room registers cards; a card that has
// nothing to say yet says what it will show.

import { h } from "../base/dom.js";
import { t } from "../base/i18n.js";
import { empty, panel } from "../base/widgets.js";
import { cacheCard } from "./state-cache.js";
import { loadCard } from "./state-load.js";
import { mailboxesCard } from "./state-mailboxes.js";
import { queueCard } from "./state-queue.js";
import { socketsCard } from "./state-sockets.js";

/**
 * One card of the state: its fold is registered by its own module. One that
 * leads stands before the others: the story is about what it shows.
 * @typedef {{ id: string, render: () => Node | Node[] | null, leads?: () => boolean }} StateCard
 */

/** In the order in which they stand. @type {StateCard[]} */
const CARDS = [cacheCard, queueCard, mailboxesCard, loadCard, socketsCard];

export function statePanel() {
  const body = h("div", { class: "state-cards" },
  CARDS.map((card) => h("section", { tabindex: "0",
    class: () => `state-card ${card.id}${card.leads?.() ? " leads" : ""}`,
    "aria-label": () => t(`state_${card.id}`) },
    h("h3", {}, () => t(`state_${card.id}`)),
    () => card.render() ?? empty(() => t(`state_${card.id}_empty`)))));
  return panel("state", "state", null, body);
}
