// What the page knows, and what can be done with it.

import { batch, signal } from "../base/signal.js";
import { t } from "../base/i18n.js";
import * as api from "./api.js";

/** @import { Folder, Message, Page, Row, Session } from "./api.js" */

/** @type {import("../base/signal.js").Signal<Session | null | undefined>} */
export const session = signal(/** @type {Session | null | undefined} */ (undefined));
export const folders = signal(/** @type {Folder[]} */ ([]));
export const folder = signal("INBOX");
export const list = signal(/** @type {Page | null} */ (null));
export const search = signal("");
export const busy = signal(false);
/** The message that is read. */
export const open = signal(/** @type {Message | null} */ (null));
/** The row that the keys act on. */
export const cursor = signal(/** @type {number | null} */ (null));
/** Images from elsewhere that the open message wants, and whether they are shown. */
export const remote = signal({ count: 0, shown: false });
/** What a phone shows: `folders`, `list` or `reader`. */
export const pane = signal("list");
export const trouble = signal("");
export const toast = signal("");
/** How to undo what the toast tells. */
export const undo = signal(/** @type {(() => void) | null} */ (null));

let toastTimer = 0;
/** How long a word of success stays. */
const TOAST_MS = 6000;

/** Numbers of messages whose conversations are unfolded. */
const unfolded = signal(/** @type {Set<number>} */ (new Set()));

/** @param {string} text @param {(() => void) | null} [back] */
export function tell(text, back = null) {
  clearTimeout(toastTimer);
  batch(() => {
    toast.set(text);
    undo.set(back);
  });
  if (text !== "") toastTimer = setTimeout(() => tell(""), TOAST_MS);
}

/** Undoes what the toast tells, while it is there. */
export function undoLast() {
  const back = undo.peek();
  undo.set(null);
  back?.();
}

/** @param {unknown} error */
export function complain(error) {
  if (error instanceof api.Refusal) {
    if (error.key === "log_in") {
      session.set(null);
      return;
    }
    trouble.set(t(`error_${error.key}`, { detail: error.message }));
  } else {
    trouble.set(String(error));
    throw error;
  }
}

/** @param {string} name */
export const folderOf = (name) => folders.get().find((known) => known.name === name);
/** @param {string} use */
export const folderFor = (use) => folders.peek().find((known) => known.use === use);

/** The name of a folder as people say it. @param {Folder | undefined} known @param {string} name */
export function folderLabel(known, name) {
  if (known?.use) return t(`folder_${known.use}`);
  const separator = known?.separator ?? "/";
  return name.split(separator).at(-1) ?? name;
}

let foldersAsked = 0;

/** Loads the folders; an answer that a later one overtook is dropped. */
export async function loadFolders() {
  foldersAsked += 1;
  const mine = foldersAsked;
  try {
    const loaded = await api.folders();
    if (mine === foldersAsked) folders.set(loaded);
  } catch (error) {
    if (mine === foldersAsked) complain(error);
  }
}

let asked = 0;

/** Loads a page of the folder; an answer that comes too late is dropped. @param {number} page */
export async function loadList(page = 0) {
  asked += 1;
  const mine = asked;
  busy.set(true);
  try {
    const loaded = await api.messages(folder.peek(), page, search.peek());
    if (mine === asked) list.set(loaded);
  } catch (error) {
    if (mine === asked) complain(error);
  } finally {
    if (mine === asked) busy.set(false);
  }
}

/** @param {string} name */
export async function openFolder(name) {
  batch(() => {
    folder.set(name);
    search.set("");
    unfolded.set(new Set());
    list.set(null);
    open.set(null);
    cursor.set(null);
    pane.set("list");
  });
  await Promise.all([loadList(), loadFolders()]);
}

/** @param {string} words */
export async function find(words) {
  batch(() => {
    search.set(words);
    list.set(null);
    open.set(null);
    cursor.set(null);
    pane.set("list");
  });
  await loadList();
}

/** @param {Row} row */
export async function openRow(row) {
  batch(() => {
    cursor.set(row.uid);
    if (!isUnfolded(row)) toggleThread(row);
  });
  const name = folder.peek();
  try {
    const message = await api.message(name, row.uid);
    if (cursor.peek() !== row.uid || folder.peek() !== name) return;
    batch(() => {
      remote.set({ count: 0, shown: false });
      open.set(message);
      pane.set("reader");
    });
    if (!row.seen) {
      change(row.uid, { seen: true });
      countUnseen(-1);
    }
    if (message.html) {
      const count = await api.remoteImages(name, row.uid);
      if (open.peek()?.uid === row.uid) remote.set({ count, shown: false });
    }
  } catch (error) {
    complain(error);
  }
}

export function closeMessage() {
  batch(() => {
    open.set(null);
    pane.set("list");
  });
}

/** @param {number} uid @param {Partial<Row>} values */
function change(uid, values) {
  list.update((page) => page && {
    ...page,
    messages: page.messages.map((row) => (row.uid === uid ? { ...row, ...values } : row)),
  });
  const shown = open.peek();
  if (shown?.uid === uid) open.set({ ...shown, .../** @type {any} */ (values) });
}

/** @param {number} by */
function countUnseen(by) {
  const name = folder.peek();
  folders.update((all) => all.map((known) => (known.name === name
    ? { ...known, unseen: Math.max(0, known.unseen + by) } : known)));
}

/**
 * What a list shows of a conversation: its last message with their number, and
 * the others below it when it is unfolded. Of a search every message is shown.
 * @typedef {{ row: Row, members: Row[], open: boolean, child: boolean }} Shown
 * @returns {Shown[]}
 */
export function visible() {
  const rows = list.get()?.messages ?? [];
  if (search.get()) return rows.map((row) => ({ row, members: [row], open: false, child: false }));
  /** @type {Map<number, Row[]>} */
  const threads = new Map();
  for (const row of rows) {
    const members = threads.get(row.thread) ?? [];
    members.push(row);
    threads.set(row.thread, members);
  }
  return [...threads.values()].flatMap((members) => {
    const open = members.length > 1 && members.some((row) => unfolded.get().has(row.uid));
    const head = { row: members[0], members, open, child: false };
    const others = open ? members.slice(1) : [];
    return [head, ...others.map((row) => ({ row, members: [row], open: false, child: true }))];
  });
}

/** @param {Row} row */
const threadOf = (row) =>
  (list.peek()?.messages ?? []).filter((known) => known.thread === row.thread);

/** @param {Row} row */
const isUnfolded = (row) => threadOf(row).some((known) => unfolded.peek().has(known.uid));

/** Unfolds the conversation of a message, or folds it. @param {Row} row */
export function toggleThread(row) {
  const members = threadOf(row);
  if (members.length < 2) return;
  const open = isUnfolded(row);
  unfolded.update((known) => {
    const next = new Set(known);
    for (const { uid } of members) open ? next.delete(uid) : next.add(uid);
    return next;
  });
}

/** The row that the keys act on, or that is read. */
export function current() {
  const uid = open.peek()?.uid ?? cursor.peek();
  return list.peek()?.messages.find((row) => row.uid === uid) ?? null;
}

/** @param {number} by */
export function step(by) {
  const rows = visible().map(({ row }) => row);
  const at = rows.findIndex((row) => row.uid === cursor.peek());
  const next = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by));
  const row = rows[next];
  if (!row) return;
  cursor.set(row.uid);
  if (open.peek()) openRow(row);
}

/** @param {Row} row */
export async function toggleStar(row) {
  const on = !row.flagged;
  change(row.uid, { flagged: on });
  const flag = ["\\Flagged"];
  await api.flags(folder.peek(), [row.uid], on ? flag : [], on ? [] : flag).catch(complain);
}

/** @param {Row} row */
export async function markUnread(row) {
  change(row.uid, { seen: false });
  countUnseen(1);
  closeMessage();
  await api.flags(folder.peek(), [row.uid], [], ["\\Seen"]).catch(complain);
}

/** Takes a row out of the list at once. @param {Row} row */
function takeOut(row) {
  const rows = visible().map((shown) => shown.row);
  const at = rows.findIndex((known) => known.uid === row.uid);
  const next = rows[at + 1] ?? rows[at - 1] ?? null;
  const wasOpen = open.peek()?.uid === row.uid;
  batch(() => {
    list.update((page) => page && {
      ...page, total: page.total - 1,
      messages: page.messages.filter((known) => known.uid !== row.uid),
    });
    cursor.set(next?.uid ?? null);
    if (wasOpen) closeMessage();
  });
}

/** @param {Row} row @param {string} to */
export async function moveRow(row, to) {
  const from = folder.peek();
  if (to === from) return;
  takeOut(row);
  try {
    const { uids } = await api.move(from, [row.uid], to);
    tell(t("moved", { folder: folderLabel(folderOf(to), to) }), back(to, uids, from));
    await Promise.all([loadFolders(), loadList(list.peek()?.page ?? 0)]);
  } catch (error) {
    complain(error);
    await loadList();
  }
}

/**
 * Moves messages back to where they were. A server without UIDPLUS does not tell
 * where they are: then there is no way back.
 * @param {string} from @param {number[]} uids @param {string} to
 */
function back(from, uids, to) {
  if (uids.length === 0) return null;
  return async () => {
    if (to === folder.peek()) expected += uids.length;
    try {
      await api.move(from, uids, to);
      tell(t("undone"));
      await Promise.all([loadFolders(), loadList(list.peek()?.page ?? 0)]);
    } catch (error) {
      complain(error);
    }
  };
}

/** @param {Row} row */
export async function removeRow(row) {
  const from = folder.peek();
  takeOut(row);
  try {
    const { to, uids } = await api.remove(from, [row.uid]);
    tell(t(to ? "thrown_away" : "removed"), to ? back(to, uids, from) : null);
    await Promise.all([loadFolders(), loadList(list.peek()?.page ?? 0)]);
  } catch (error) {
    complain(error);
    await loadList();
  }
}

/** Messages that come back to the folder that is shown: no news. */
let expected = 0;
/** @type {EventSource | null} */
let events = null;
let watched = "";

/** Watches the folder that is shown: what arrives appears by itself. */
export function watch() {
  const name = folder.get();
  if (!session.get()) {
    events?.close();
    events = null;
    watched = "";
    return;
  }
  if (watched === name) return;
  watched = name;
  delete document.body.dataset.watching;
  expected = 0;
  events?.close();
  events = new EventSource(`/api/events?${api.query({ folder: name })}`);
  events.addEventListener("changed", (event) => {
    const { arrived } = JSON.parse(/** @type {MessageEvent} */ (event).data);
    const count = Math.max(0, arrived - expected);
    expected = Math.max(0, expected - arrived);
    // The list shows what is new; the offer to undo is nowhere else.
    if (count > 0 && !undo.peek()) tell(t(count === 1 ? "arrived_one" : "arrived_many", { count }));
    loadFolders();
    loadList(list.peek()?.page ?? 0);
  });
  // What came between the list and this moment was told to nobody.
  events.addEventListener("watching", (event) => {
    const { messages } = JSON.parse(/** @type {MessageEvent} */ (event).data);
    document.body.dataset.watching = name;
    const page = list.peek();
    if (!page || search.peek() || page.folder !== name || page.total === messages) return;
    loadFolders();
    loadList(page.page);
  });
  events.addEventListener("ended", () => session.set(null));
}
