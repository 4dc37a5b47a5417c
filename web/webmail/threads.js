// The conversations of the list: what is shown of each, and what is known of
// the messages below its newest.

import { signal } from "../base/signal.js";
import * as api from "./api.js";

/** @import { Page, Row } from "./api.js" */

/** Rows asked for at a time: what the gateway tells at most. */
const ROWS_MAX = 200;

/** Numbers of messages whose conversations are unfolded. */
const unfolded = signal(/** @type {Set<number>} */ (new Set()));
/** The messages below the newest ones, as far as they are known. */
const below = signal(/** @type {Map<number, Row>} */ (new Map()));

/** Counts the lists: the numbers of one mean nothing in another. */
let lists = 0;

/** Nothing is unfolded in a folder that is opened. */
export function foldAll() {
  lists += 1;
  unfolded.set(new Set());
  below.set(new Map());
}

/** The messages of a row, itself first. @param {Row} row */
export const uidsOf = (row) => row.conversation?.uids ?? [row.uid];

/**
 * What a list shows of a conversation: its newest message with their number, and
 * the others below it when it is unfolded. Of a search every message is shown.
 * @typedef {{ row: Row, uids: number[], open: boolean, child: boolean, same?: boolean }} Shown
 *   `same`: a message below the newest that has its subject, but for "Re:"
 * @param {Page | null} page @returns {Shown[]}
 */
export function visible(page) {
  const [open, known] = [unfolded.get(), below.get()];
  return (page?.messages ?? []).flatMap((row) => {
    const uids = uidsOf(row);
    const head = { row, uids, child: false,
      open: uids.length > 1 && uids.some((uid) => open.has(uid)) };
    const others = head.open ? uids.slice(1).flatMap((uid) => known.get(uid) ?? []) : [];
    return [head, ...others.map((other) => ({ row: other, uids: [other.uid], open: false,
      child: true, same: plainSubject(other) === plainSubject(row) }))];
  });
}

/** A subject without what answers put before it. @param {Row} row */
const plainSubject = (row) =>
  row.subject.replace(/^(?:\s*(?:re|rv|aw|fwd?)\s*:)+/i, "").trim();

/** The row of a message, if the list knows it. @param {Page | null} page @param {number} uid */
export const rowOf = (page, uid) =>
  page?.messages.find((row) => row.uid === uid) ?? below.peek().get(uid) ?? null;

/** The newest message of a message's conversation. @param {Page | null} page @param {number} uid */
export const headOf = (page, uid) =>
  page?.messages.find((row) => uidsOf(row).includes(uid)) ?? null;

/** @param {Row} head */
export const isUnfolded = (head) => uidsOf(head).some((uid) => unfolded.peek().has(uid));

/** @param {string} folder @param {Row} head */
export async function unfold(folder, head) {
  unfolded.update((known) => new Set([...known, ...uidsOf(head)]));
  await load(folder, uidsOf(head).slice(1));
}

/** @param {Row} head */
export function fold(head) {
  const uids = new Set(uidsOf(head));
  unfolded.update((known) => new Set([...known].filter((uid) => !uids.has(uid))));
}

/** Looks again at what is unfolded on a page. @param {Page} page */
export async function refresh(page) {
  const uids = page.messages.filter(isUnfolded).flatMap((row) => uidsOf(row).slice(1));
  await load(page.folder, uids);
}

/** @param {string} folder @param {number[]} uids */
async function load(folder, uids) {
  const mine = lists;
  for (let at = 0; at < uids.length; at += ROWS_MAX) {
    const some = uids.slice(at, at + ROWS_MAX);
    const rows = await api.rows(folder, some);
    if (mine !== lists) return;
    below.update((known) => {
      const next = new Map(known);
      for (const uid of some) next.delete(uid);
      for (const row of rows) next.set(row.uid, row);
      return next;
    });
  }
}

/**
 * A page in which a message has other flags.
 * @param {Page | null} page @param {number} uid @param {Partial<Row>} values
 */
export function withFlags(page, uid, values) {
  const old = rowOf(page, uid);
  const known = below.peek().get(uid);
  if (known) below.update((all) => new Map(all).set(uid, { ...known, ...values }));
  const read = old && values.seen !== undefined && values.seen !== old.seen;
  return page && {
    ...page,
    messages: page.messages.map((row) => {
      const changed = row.uid === uid ? { ...row, ...values } : row;
      const { conversation } = row;
      if (!read || !conversation?.uids.includes(uid)) return changed;
      const unseen = Math.max(0, conversation.unseen + (values.seen ? -1 : 1));
      return { ...changed, conversation: { ...conversation, unseen } };
    }),
  };
}

/**
 * A page without some messages. The next newest leads its conversation, when it
 * is known; else the conversation is gone until the list is loaded again.
 * @param {Page | null} page @param {number[]} uids
 */
export function without(page, uids) {
  const gone = new Set(uids);
  return page && {
    ...page,
    exists: page.exists - uids.length,
    messages: page.messages.flatMap((row) => {
      const left = uidsOf(row).filter((uid) => !gone.has(uid));
      if (left.length === uidsOf(row).length) return [row];
      const next = left[0] === row.uid ? row : below.peek().get(left[0]);
      if (!next) return [];
      const { conversation } = row;
      const rest = conversation && left.length > 1 ? { ...conversation, uids: left,
        count: conversation.count - conversation.uids.length + left.length } : undefined;
      return [{ ...next, conversation: rest }];
    }),
  };
}
