// What the page knows, and what can be done with it.

import { batch, signal, untracked } from "../base/signal.js";
import { t } from "../base/i18n.js";
import * as api from "./api.js";
import * as marks from "./marks.js";
import { forget, meet } from "./suggest.js";
import * as threads from "./threads.js";

/** @import { Folder, Message, Page, Row, Session } from "./api.js" */

/** @type {import("../base/signal.js").Signal<Session | null | undefined>} */
export const session = signal(/** @type {Session | null | undefined} */ (undefined));
/** Whether the session ended by itself. */
export const over = signal(false);
/** Whether news do not come: the gateway or the mailbox is out of reach. */
export const away = signal(false);
export const folders = signal(/** @type {Folder[]} */ ([]));
export const folder = signal("INBOX");
export const list = signal(/** @type {Page | null} */ (null));
export const search = signal("");
export const busy = signal(false);
/** The message that is read. */
export const open = signal(/** @type {Message | null} */ (null));
/** The row that cannot be read, and why. */
export const failed = signal(/** @type {{ row: Row, why: string } | null} */ (null));
/** Whether a message is on its way. */
export const opening = signal(false);
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
/** How long a word of success stays; longer where it can be undone. */
const [TOAST_MS, UNDO_MS] = [6000, 10_000];

/** @param {string} text @param {(() => void) | null} [back] */
export function tell(text, back = null) {
  batch(() => {
    toast.set(text);
    undo.set(back);
  });
  releaseToast();
}

/** The toast stays while somebody is about to read or use it. */
export const holdToast = () => clearTimeout(toastTimer);

export function releaseToast() {
  clearTimeout(toastTimer);
  if (toast.peek() === "") return;
  toastTimer = setTimeout(() => tell(""), undo.peek() ? UNDO_MS : TOAST_MS);
}

/** Undoes what the toast tells, while it is there. */
export function undoLast() {
  const back = undo.peek();
  undo.set(null);
  back?.();
}

/** The session ended by itself; what somebody writes is kept. */
function endSession() {
  batch(() => {
    over.set(true);
    trouble.set("");
    session.set(null);
  });
}

/** @param {unknown} error */
export function complain(error) {
  if (error instanceof api.Refusal) {
    if (error.key === "log_in") {
      endSession();
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
/** The page that was asked for last: it may be on its way. */
let wanted = 0;
/** What the folder has, as it was told while its list was on its way.
 * @type {number | null} */
let promised = null;
/** Messages that are on their way out: a list that was asked for before shows
 * them no more. @type {Set<string>} */
const leaving = new Set();
/** @param {string} name @param {number} uid */
const placeOf = (name, uid) => `${uid} ${name}`;

/** Stars that are on their way. @type {Map<string, boolean>} */
const flagging = new Map();

/** @param {Page} page @returns {Page} */
const withFlagging = (page) => ({ ...page, messages: page.messages.map((row) => ({ ...row,
  flagged: flagging.get(placeOf(page.folder, row.uid)) ?? row.flagged })) });

/** @param {Page} page */
function withoutLeaving(page) {
  const uids = page.messages.flatMap(threads.uidsOf)
    .filter((uid) => leaving.has(placeOf(page.folder, uid)));
  return uids.length > 0 ? threads.without(page, uids) : page;
}

/** Loads a page of the folder; an answer that comes too late is dropped. @param {number} page */
export async function loadList(page = 0) {
  asked += 1;
  const mine = asked;
  wanted = page;
  busy.set(true);
  try {
    const loaded = await api.messages(folder.peek(), page, search.peek());
    if (mine !== asked) return;
    wanted = loaded.page;
    list.set(withoutLeaving(withFlagging(loaded)));
    const isOld = promised !== null && promised !== loaded.exists && !search.peek();
    promised = null;
    const own = session.peek()?.address.toLowerCase();
    meet(loaded.messages.flatMap((row) => [...row.from, ...row.to])
      .filter((person) => person.address.toLowerCase() !== own));
    await threads.refresh(loaded);
    if (isOld && mine === asked) await Promise.all([loadFolders(), loadList(wanted)]);
  } catch (error) {
    if (mine !== asked) return;
    complain(error);
    const refused = error instanceof api.Refusal
      && ["missing", "mailbox_refused"].includes(error.key);
    if (refused && folder.peek() !== "INBOX") await leaveIfGone(folder.peek());
  } finally {
    if (mine === asked) busy.set(false);
  }
}

/** Another program may have taken a folder away, or given it another name.
 * @param {string} name */
async function leaveIfGone(name) {
  await loadFolders();
  if (folder.peek() === name && !folders.peek().some((known) => known.name === name)) {
    await openFolder("INBOX");
  }
}

/** @param {string} name */
export async function openFolder(name) {
  turnTo(name, "");
  await Promise.all([loadList(), loadFolders()]);
}

/** Another list: nothing of the one before is shown. @param {string} name @param {string} words */
function turnTo(name, words) {
  promised = null;
  batch(() => {
    marks.clear();
    folder.set(name);
    search.set(words);
    threads.foldAll();
    list.set(null);
    open.set(null);
    failed.set(null);
    cursor.set(null);
    pane.set("list");
    busy.set(true);
  });
}

/** Somebody is there: the inbox, and nothing of whoever was there before. */
export async function begin() {
  forget();
  batch(() => {
    over.set(false);
    folders.set([]);
  });
  await openFolder("INBOX");
}

/** @param {string} words */
export async function find(words) {
  turnTo(folder.peek(), words);
  await loadList();
}

/** @param {Row} row */
export async function openRow(row) {
  batch(() => {
    cursor.set(row.uid);
    const head = threads.headOf(list.peek(), row.uid);
    if (head && !threads.isUnfolded(head)) toggleThread(head);
  });
  const name = folder.peek();
  const isWanted = () => cursor.peek() === row.uid && folder.peek() === name;
  opening.set(true);
  try {
    const message = await api.message(name, row.uid);
    if (!isWanted()) return;
    batch(() => {
      opening.set(false);
      failed.set(null);
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
    if (!isWanted()) return;
    if (showFailed(row, error)) return;
    complain(error);
    // Another program took it away: the list is out of date.
    if (error instanceof api.Refusal && error.key === "missing") await loadList(pageNow());
  } finally {
    if (isWanted()) opening.set(false);
  }
}

/** Shows in place of a message why it cannot be read, if the server has said so.
 * @param {Row} row @param {unknown} error */
function showFailed(row, error) {
  if (!(error instanceof api.Refusal)) return false;
  const words = error.key === "mailbox_refused" ? error.message : row.untold;
  if (!words && error.key !== "silent") return false;
  if (["log_in", "offline", "missing"].includes(error.key)) return false;
  const why = words ? t("server_says", { words }) : t("error_silent");
  batch(() => {
    open.set(null);
    failed.set({ row, why });
    pane.set("reader");
  });
  return true;
}

/** What happens in a folder turns no page back that somebody has just turned. */
const pageNow = () => wanted;

/** Looks again at what is shown. */
export const reload = () => loadList(pageNow());

/** Turns pages; twice in haste is two pages. @param {number} by */
export function turnPage(by) {
  const page = list.peek();
  if (!page) return;
  marks.clear();
  const last = Math.max(0, Math.ceil(page.total / page.page_size) - 1);
  loadList(Math.min(last, Math.max(0, wanted + by)));
}

export function closeMessage() {
  batch(() => {
    open.set(null);
    failed.set(null);
    pane.set("list");
  });
}

/** @param {number} uid @param {Partial<Row>} values */
function change(uid, values) {
  // The message that is read stays as it is: it shows no flags, and would scroll back.
  list.set(threads.withFlags(list.peek(), uid, values));
}

/** @param {number} by */
function countUnseen(by) {
  const name = folder.peek();
  folders.update((all) => all.map((known) => (known.name === name
    ? { ...known, unseen: Math.max(0, known.unseen + by) } : known)));
}

export const visible = () => threads.visible(list.get());

/** Unfolds the conversation of a message, or folds it. @param {Row} row */
export async function toggleThread(row) {
  const head = threads.headOf(list.peek(), row.uid);
  if (!head || threads.uidsOf(head).length < 2) return;
  if (threads.isUnfolded(head)) {
    threads.fold(head);
    return;
  }
  await threads.unfold(folder.peek(), head).catch(complain);
}

/** The row that the keys act on, or that is read. */
export function current() {
  const uid = open.peek()?.uid ?? cursor.peek();
  return uid === null ? null : threads.rowOf(list.peek(), uid);
}

/** What is done to a row is done to all that it shows: of a conversation that is
 * folded, to the whole of it. @param {Row} row */
function together(row) {
  const shown = untracked(visible).find((known) => known.row.uid === row.uid);
  return shown && !shown.open ? shown.uids : [row.uid];
}

/** @param {Row[]} rows */
const allOf = (rows) => [...new Set(rows.flatMap(together))];

/** @param {number} by */
export function step(by) {
  const rows = untracked(visible).map(({ row }) => row);
  const at = rows.findIndex((row) => row.uid === cursor.peek());
  const next = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by));
  const row = rows[next];
  if (!row) return;
  cursor.set(row.uid);
  if (open.peek() || failed.peek()) openRow(row);
}

/** A star; it goes from all of a conversation that is folded. @param {Row} row */
export async function toggleStar(row) {
  const on = !(row.flagged || row.conversation?.flagged);
  const uids = on ? [row.uid] : together(row);
  for (const uid of uids) change(uid, { flagged: on });
  list.update((page) => page && { ...page, messages: page.messages.map((known) =>
    (known.conversation && known.conversation.uids.includes(row.uid)
      ? { ...known, conversation: { ...known.conversation, flagged: on } } : known)) });
  const [name, flag] = [folder.peek(), ["\\Flagged"]];
  for (const uid of uids) flagging.set(placeOf(name, uid), on);
  await api.flags(name, uids, on ? flag : [], on ? [] : flag).catch(complain);
  for (const uid of uids) flagging.delete(placeOf(name, uid));
  // A list that was asked for before knows nothing of it.
  await loadList(pageNow());
}

/** The rows that are marked, of those that are shown. */
export const markedRows = () => visible().map(({ row }) => row).filter(({ uid }) => marks.has(uid));

/** What the keys act on: what is marked, else the row that is chosen. */
export function actedOn() {
  const rows = untracked(markedRows);
  const row = current();
  return rows.length > 0 || !row ? rows : [row];
}

/** @param {Row} row @param {boolean} [range] */
export const toggleMark = (row, range = false) =>
  marks.toggle(row.uid, untracked(visible).map((shown) => shown.row.uid), range);

/** Marks all rows of the page. */
export const markAll = () => marks.set(untracked(visible).map(({ row }) => row.uid));

/** Marks messages as read, or as not read. @param {Row[]} rows @param {boolean} seen */
export async function markSeen(rows, seen) {
  const uids = seen ? allOf(rows) : rows.map((row) => row.uid);
  batch(() => {
    marks.clear();
    for (const uid of uids) change(uid, { seen });
    if (!seen) closeMessage();
  });
  const flag = ["\\Seen"];
  await api.flags(folder.peek(), uids, seen ? flag : [], seen ? [] : flag).catch(complain);
  await Promise.all([loadFolders(), loadList(pageNow())]);
}

/** Takes messages out of the list at once. @param {number[]} uids */
function takeOut(uids) {
  const rows = untracked(visible).map((shown) => shown.row.uid);
  const at = rows.findIndex((uid) => uids.includes(uid));
  const left = (/** @type {number} */ uid) => !uids.includes(uid);
  const next = rows.slice(at + 1).find(left) ?? rows.slice(0, at).findLast(left) ?? null;
  const wasOpen = uids.includes(open.peek()?.uid ?? failed.peek()?.row.uid ?? 0);
  batch(() => {
    list.set(threads.without(list.peek(), uids));
    cursor.set(next);
    if (wasOpen) closeMessage();
  });
}

/** The text for one message or for several. @param {string} key @param {number} count */
const counted = (key, count, more = {}) =>
  t(count === 1 ? key : `${key}_many`, { count, ...more });

/** @param {Row[]} rows @param {string} to */
export async function moveRows(rows, to) {
  if (to === folder.peek()) return;
  const label = folderLabel(folderOf(to), to);
  await go(rows, "moved", { folder: label }, (from, uids) => api.move(from, uids, to));
}

/** Puts aside, where there is a folder for it. @param {Row[]} rows */
export async function archiveRows(rows) {
  const archive = folderFor("archive");
  if (archive) await moveRows(rows, archive.name);
}

/** @param {string} name */
export async function emptyFolder(name) {
  try {
    await api.emptyFolder(name);
    if (folder.peek() === name) closeMessage();
    tell(t("emptied"));
  } catch (error) {
    complain(error);
  }
  await Promise.all([loadFolders(), loadList()]);
}

/** @param {Row[]} rows */
export const removeRows = (rows) => go(rows, "thrown_away", {}, api.remove);

/**
 * Takes what rows show out of the list at once, then out of the folder.
 * @param {Row[]} rows @param {string} key what is told, by its key @param {any} words
 * @param {(from: string, uids: number[]) => Promise<{ to: string | null, uids: number[] }>} run
 */
async function go(rows, key, words, run) {
  const from = folder.peek();
  const uids = allOf(rows);
  batch(() => {
    takeOut(uids);
    marks.clear();
  });
  for (const uid of uids) leaving.add(placeOf(from, uid));
  try {
    const { to, uids: there } = await run(from, uids);
    const told = to === null ? "removed" : key;
    tell(counted(told, uids.length, words), to === null ? null : back(to, there, from));
  } catch (error) {
    complain(error);
  } finally {
    for (const uid of uids) leaving.delete(placeOf(from, uid));
  }
  await Promise.all([loadFolders(), loadList(pageNow())]);
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
      await Promise.all([loadFolders(), loadList(pageNow())]);
    } catch (error) {
      complain(error);
    }
  };
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
    away.set(false);
    return;
  }
  if (watched === name) return;
  watched = name;
  delete document.body.dataset.watching;
  expected = 0;
  events?.close();
  const mine = new EventSource(`/api/events?${api.query({ folder: name })}`);
  events = mine;
  mine.addEventListener("changed", (event) => {
    const { arrived } = JSON.parse(/** @type {MessageEvent} */ (event).data);
    const count = Math.max(0, arrived - expected);
    expected = Math.max(0, expected - arrived);
    // The list shows what is new; the offer to undo is nowhere else.
    const own = OWN_USES.includes(folderOf(name)?.use ?? "");
    if (count > 0 && !own && !undo.peek()) {
      tell(t(count === 1 ? "arrived_one" : "arrived_many", { count }));
    }
    loadFolders();
    loadList(pageNow());
  });
  // What came between the list and this moment was told to nobody.
  mine.addEventListener("watching", (event) => {
    const { messages } = JSON.parse(/** @type {MessageEvent} */ (event).data);
    const wasAway = away.peek();
    away.set(false);
    document.body.dataset.watching = name;
    const page = list.peek();
    // The list, or the folders, may have been asked for before this.
    if (busy.peek()) promised = messages;
    if (folderOf(name)?.messages !== messages) loadFolders();
    const same = page?.exists === messages || search.peek() || page?.folder !== name;
    if (same && !wasAway) return;
    loadFolders();
    loadList(pageNow());
  });
  mine.addEventListener("interrupted", () => away.set(true));
  mine.addEventListener("ended", endSession);
  mine.addEventListener("error", () => {
    if (events !== mine) return;
    away.set(true);
    // A browser tries again by itself, but not after a refusal.
    if (mine.readyState === EventSource.CLOSED) setTimeout(() => watchAgain(mine), AGAIN_MS);
  });
}

/** @param {EventSource} refused */
async function watchAgain(refused) {
  if (events !== refused) return;
  const known = await api.session().catch(() => undefined);
  if (events !== refused) return;
  if (known === null) {
    endSession();
    return;
  }
  watched = "";
  watch();
}

/** Folders to which nobody sends: what comes there was put there. */
const OWN_USES = ["drafts", "sent", "archive", "trash"];
/** Before a refused watch is asked for again. */
const AGAIN_MS = 4000;
