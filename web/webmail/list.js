// The messages of a folder or of a search, the newest first.

import { h, reconcile } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { t } from "../base/i18n.js";
import { effect } from "../base/signal.js";
import { iconButton, keepInView } from "../base/widgets.js";
import * as store from "./store.js";
import { openOrEdit } from "./compose.js";
import { chooseFolder, emptyFolder, folderIcon } from "./folders.js";
import * as marks from "./marks.js";
import { hue, initials, names, shortDate } from "./words.js";

export function listPanel() {
  const rows = h("ul", { class: "rows", "aria-labelledby": "list-title" });
  const body = h("div", { class: "list-body" }, rows, emptyText);
  /** @type {number | null} */
  let before = null;
  effect(() => {
    const page = store.list.get();
    const [chosen, read] = [store.cursor.get(),
      store.open.get()?.uid ?? store.failed.get()?.row.uid];
    const focused = focusIn(rows);
    const outgoing = ["sent", "drafts"].includes(store.folderOf(store.folder.get())?.use ?? "");
    // The words of a row depend on the language too: its text is part of its key.
    const text = t("unread");
    reconcile(rows, page ? store.visible() : [],
      (shown) => JSON.stringify([shown, outgoing, text]),
      (shown) => rowElement(shown, outgoing),
      (element, { row }) => {
        element.classList.toggle("chosen", row.uid === chosen);
        element.classList.toggle("read-now", row.uid === read);
        element.classList.toggle("marked", marks.has(row.uid));
        element.querySelector(".tick").setAttribute("aria-checked", String(marks.has(row.uid)));
      });
    const element = rows.querySelector(".chosen");
    if (element) keepInView(body, element);
    keepFocus(rows, focused, chosen !== before);
    before = chosen;
  });
  return h("section", { class: "list", id: "list", "aria-busy": () => String(store.busy.get()) },
    h("header", { class: "list-head" },
      h("div", { class: "list-words" },
        h("h1", { id: "list-title" }, title),
        h("p", { class: "list-count" }, countText)),
      () => store.search.get() && iconButton("close", "end_search", () => store.find("")),
      () => canEmpty() && h("button", { type: "button", class: "quiet empty-button",
        onclick: emptyFolder }, t("empty")),
      iconButton("again", "reload", () => {
        store.loadFolders();
        store.reload();
      })),
    markedBar(),
    () => store.away.get() && h("p", { class: "away", role: "status" }, icon("warning", 15),
      t("away")),
    h("div", { class: "progress", hidden: () => !store.busy.get() && !store.opening.get() }),
    body, pager());
}

/** What can be done with all that is marked. */
function markedBar() {
  const count = () => store.markedRows().length;
  const on = (/** @type {(rows: any[]) => void} */ run) => () => {
    const rows = store.markedRows();
    if (rows.length > 0) run(rows);
  };
  const archive = () => store.folders.get().find((folder) => folder.use === "archive");
  return h("div", { class: "marked-bar", role: "toolbar", hidden: () => count() === 0,
    "aria-label": () => t("marked_do") },
    iconButton("close", "unmark", marks.clear),
    h("span", { role: "status" }, () => t(count() === 1 ? "marked_one" : "marked_many",
      { count: count() })),
    h("button", { type: "button", class: "quiet", onclick: store.markAll }, () => t("mark_all")),
    h("div", { class: "tool-group" },
      iconButton("archive", "archive", on(store.archiveRows), {
        hidden: () => !archive() || store.folder.get() === archive()?.name }),
      iconButton("move", "move", on(chooseFolder)),
      iconButton("read", "mark_read", on((rows) => store.markSeen(rows, true))),
      iconButton("unread", "mark_unread", on((rows) => store.markSeen(rows, false))),
      iconButton("trash", "delete", on(store.removeRows))));
}

/** Marks a row. It lies over the face of whoever wrote. @param {import("./api.js").Row} row */
const tick = (row) => h("button", {
  type: "button", class: "tick", role: "checkbox", "aria-checked": "false", "aria-label": t("mark"),
  title: t("mark"),
  onclick: (/** @type {MouseEvent} */ event) => store.toggleMark(row, event.shiftKey),
}, icon("check", 18));

/** Which part of which row has the focus. @param {Element} rows */
function focusIn(rows) {
  const element = document.activeElement;
  const row = rows.contains(element) ? element?.closest(".row") : null;
  return row && { element, uid: row.getAttribute("data-uid"), part: element?.classList[0] };
}

/** The focus stays in a row that was made anew, and goes along with the choice:
 * else Enter would open another message than the chosen one.
 * @param {Element} rows @param {ReturnType<typeof focusIn>} focused @param {boolean} moved */
function keepFocus(rows, focused, moved) {
  if (!focused) return;
  const chosen = rows.querySelector(".chosen .row-open");
  const same = focused.element?.isConnected ? null
    : rows.querySelector(`[data-uid="${focused.uid}"] .${focused.part}`) ?? chosen;
  const next = moved && chosen && !chosen.parentElement?.contains(focused.element)
    ? chosen : same;
  /** @type {HTMLElement | null} */ (next)?.focus({ preventScroll: true });
}

function title() {
  const name = store.folder.get();
  return store.search.get()
    ? t("found_for", { words: store.search.get(),
      folder: store.folderLabel(store.folderOf(name), name) })
    : store.folderLabel(store.folderOf(name), name);
}

/** What is thrown away, or junk, can go all at once. */
function canEmpty() {
  const use = store.folderOf(store.folder.get())?.use ?? "";
  return !store.search.get() && ["trash", "junk"].includes(use)
    && (store.list.get()?.exists ?? 0) > 0;
}

function countText() {
  const page = store.list.get();
  if (!page) return store.busy.get() ? t("loading") : "";
  const unseen = store.folderOf(store.folder.get())?.unseen ?? 0;
  const total = t(page.exists === 1 ? "message_one" : "message_many", { count: page.exists });
  if (unseen === 0 || store.search.get()) return total;
  return `${total} · ${t("unseen", { count: unseen })}`;
}

function emptyText() {
  const page = store.list.get();
  if (!page && !store.busy.get()) {
    return h("div", { class: "nothing" }, icon("warning", 34), h("p", {}, t("no_list")),
      h("button", { type: "button", class: "quiet", onclick: () => store.loadList() },
        t("try_again")));
  }
  if (!page || page.messages.length > 0) return null;
  const use = store.folderOf(store.folder.get())?.use ?? "other";
  const found = store.search.get();
  return h("div", { class: "nothing" }, icon(found ? "search" : folderIcon(use), 34),
    h("p", {}, t(found ? "empty_search" : `empty_${use}`)));
}

/** Its buttons stay the same: a click may last longer than a page is loaded. */
function pager() {
  const shown = () => {
    const { page, page_size: size, total } = store.list.get()
      ?? { page: 0, page_size: 1, total: 0 };
    return { first: page * size + 1, last: Math.min(total, (page + 1) * size), total, size };
  };
  return h("footer", { class: "pager", hidden: () => shown().total <= shown().size },
    iconButton("previous", "newer", () => store.turnPage(-1),
      { disabled: () => shown().first === 1 }),
    h("span", {}, () => t("page", shown())),
    iconButton("right", "older", () => store.turnPage(1),
      { disabled: () => shown().last >= shown().total }));
}

/** @param {import("./threads.js").Shown} shown @param {boolean} outgoing */
function rowElement(shown, outgoing) {
  const { row, uids, open: unfolded, child, same } = shown;
  if (row.untold !== undefined) return untoldElement(row, row.untold);
  const people = outgoing ? row.to : row.from;
  const several = unfolded ? undefined : row.conversation;
  const who = outgoing ? `${t("to_short")} ${names(people)}` : names(several?.people ?? people);
  const fresh = several ? several.unseen > 0 : !row.seen;
  const starred = several ? several.flagged : row.flagged;
  const count = row.conversation?.count ?? 1;
  return h("li", {
    class: ["row", fresh && "fresh", child && "child", same && "same",
      unfolded && "unfolded", uids.length > 1 && "thread"],
    "data-uid": row.uid,
  },
    tick(row),
    h("button", { type: "button", class: "row-open", onclick: () => openOrEdit(row) },
      h("span", { class: "face", style: { "--hue": hue(people[0]) }, "aria-hidden": "true" },
        initials(people[0])),
      h("span", { class: "row-text" },
        h("span", { class: "row-top" },
          fresh && h("span", { class: "unseen-dot" }, h("span", { class: "unseen-word" },
            `${t("unread")}: `)),
          h("span", { class: "row-who" }, who),
          row.attachments > 0 && h("span", { class: "clip", title: t("has_files") },
            icon("clip", 14)),
          dateOf(row)),
        !same && h("span", { class: "row-subject" },
          row.answered && h("span", { class: "answered", title: t("answered") },
            icon("reply", 13)),
          row.subject || t("no_subject")),
        h("span", { class: "row-preview" }, row.preview ?? ""))),
    uids.length > 1 && h("button", {
      type: "button", class: "unfold", "aria-expanded": String(unfolded),
      "aria-label": t("thread", { count }), title: t("thread", { count }),
      onclick: () => store.toggleThread(row),
    }, String(count), icon("down", 13)),
    h("button", {
      type: "button", class: ["star", starred && "on"], "aria-pressed": String(starred),
      "aria-label": t("star"), title: t("star"), onclick: () => store.toggleStar(row),
    }, icon("star", 17)));
}

/** @param {import("./api.js").Row} row */
const dateOf = (row) => row.date !== null
  && h("time", { class: "row-date" }, shortDate(row.date));

/** A message that the mailbox's server does not tell of.
 * @param {import("./api.js").Row} row @param {string} words */
function untoldElement(row, words) {
  return h("li", { class: ["row", "untold", !row.seen && "fresh"], "data-uid": row.uid },
    tick(row),
    h("button", { type: "button", class: "row-open", onclick: () => openOrEdit(row) },
      h("span", { class: "face", "aria-hidden": "true" }, icon("warning", 18)),
      h("span", { class: "row-text" },
        h("span", { class: "row-top" }, h("span", { class: "row-who" }, t("unreadable")),
          dateOf(row)),
        h("span", { class: "row-preview" },
          words ? t("server_says", { words }) : t("error_silent")))));
}
