// The caches of the resolvers, each record with its time to live counting down
// (course D6).

import { h, reconcile } from "../base/dom.js";
import { countdown } from "../base/format.js";
import { t } from "../base/i18n.js";
import { effect, signal } from "../base/signal.js";
import { registerFold } from "../model/fold.js";
import { folded } from "../model/folded.js";
import * as store from "../model/store.js";

/** @import { EventView } from "../model/types.js" */
/** @typedef {{ name: string, type: string, at: number, expires: number, absent: boolean,
 *  rank: string, event: number }} Entry */

/** Entries of one cache that are kept here; the oldest go first. */
const ENTRIES_MAX = 400;
/** Entries drawn. */
const SHOWN_MAX = 60;
const SECOND = 1e9;

registerFold({ name: "caches", start: () => new Map(), apply });

/** What a note says is kept from now on: the name, the type, for how long.
 * @type {Record<string, (data: Record<string, any>) => [unknown, string, number]>} */
const KEPT = {
  cached: (data) => [data.name, String(data.rtype), data.ttl_s],
  cached_absence: (data) => [data.name, data.rtype ? String(data.rtype) : "", data.ttl_s],
  referral: (data) => [data.zone, "NS", data.ttl_s],
  primed: (data) => [".", "NS", data.ttl_s],
};

/** @param {Map<number, Map<string, Entry>>} caches @param {EventView} event */
function apply(caches, event) {
  if (event.type !== "note" || event.from == null) return;
  const data = event.data ?? {};
  const kind = event.kind ?? "";
  if (kind === "flushed") return flush(caches.get(event.from), data.name);
  if (kind === "expired") {
    return void caches.get(event.from)?.delete(`${plain(data.name)} ${data.rtype}`);
  }
  const kept = event.room === "dns" ? KEPT[kind]?.(data) : undefined;
  if (!kept) return;
  const [name, type, ttl] = [plain(kept[0]), kept[1], Number(kept[2] ?? 0)];
  const cache = caches.get(event.from) ?? new Map();
  caches.set(event.from, cache);
  const key = `${name} ${type}`;
  cache.delete(key);
  cache.set(key, {
    name, type, at: event.at, expires: event.at + ttl * SECOND,
    absent: kind === "cached_absence", rank: String(data.rank ?? ""), event: event.id,
  });
  if (cache.size > ENTRIES_MAX) cache.delete(cache.keys().next().value ?? "");
}

/** @param {unknown} name */
const plain = (name) => String(name ?? "").replace(/(.)\.$/, "$1").toLowerCase();

/** @param {Map<string, Entry> | undefined} cache @param {unknown} name */
function flush(cache, name) {
  if (!cache) return;
  if (name === undefined || name === null) return cache.clear();
  const wanted = plain(name);
  for (const [key, entry] of cache) if (entry.name === wanted) cache.delete(key);
}

const chosen = signal(-1);

export const cacheCard = { id: "cache", render };

function render() {
  const { state } = folded.get();
  /** @type {Map<number, Map<string, Entry>>} */
  const caches = state.caches;
  const hosts = [...caches].filter(([, cache]) => cache.size > 0).map(([id]) => id);
  if (hosts.length === 0) return null;
  const id = hosts.includes(chosen.get()) ? chosen.get() : newest(caches);
  const list = h("ul", { class: "cache" });
  effect(() => {
    const now = store.now.get();
    const entries = [...(caches.get(id)?.values() ?? [])]
      .filter(({ expires }) => expires > now).reverse().slice(0, SHOWN_MAX);
    reconcile(list, entries, ({ event, type }) => `${event} ${type}`, makeEntry, fillEntry);
  });
  return [tabs(hosts, id), list];
}

/** The host that learned something last. @param {Map<number, Map<string, Entry>>} caches */
function newest(caches) {
  let [best, event] = [-1, -1];
  for (const [id, cache] of caches) {
    const last = [...cache.values()].at(-1)?.event ?? -1;
    if (last > event) [best, event] = [id, last];
  }
  return best;
}

/** @param {number[]} hosts @param {number} id */
function tabs(hosts, id) {
  return h("div", { class: "card-tabs", role: "group", "aria-label": t("resolvers") },
    hosts.map((host) => h("button", {
      type: "button", "aria-pressed": String(host === id), onclick: () => chosen.set(host),
    }, store.hostsById.get().get(host)?.label ?? "?")));
}

/** @param {Entry} entry */
function makeEntry(entry) {
  return h("li", { class: entry.absent ? "absent" : "", title: t("cache_entry",
    { name: entry.name, type: entry.type, rank: entry.rank }) },
  h("button", { type: "button", class: "cache-face",
    onclick: () => store.selected.set(entry.event) },
  h("span", { class: "cache-name" }, entry.name || "."),
  h("span", { class: "cache-type" }, entry.absent ? absence(entry) : entry.type),
  h("span", { class: "cache-left figure" })),
  h("span", { class: "bar", "aria-hidden": "true" }, h("span", { class: "bar-fill" })));
}

/** The type that a name lacks, or that it does not exist. @param {Entry} entry */
const absence = ({ type }) => (type ? t("absent", { type }) : t("absent_name"));

/** @param {HTMLElement} element @param {Entry} entry */
function fillEntry(element, entry) {
  const now = store.now.peek();
  const left = entry.expires - now;
  const share = left / Math.max(1, entry.expires - entry.at);
  const text = /** @type {HTMLElement} */ (element.querySelector(".cache-left"));
  text.textContent = countdown(left);
  const bar = /** @type {HTMLElement} */ (element.querySelector(".bar-fill"));
  bar.style.setProperty("transform", `scaleX(${Math.max(0, Math.min(1, share)).toFixed(4)})`);
  element.classList.toggle("ending", share < 0.1);
}
