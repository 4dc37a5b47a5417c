// One message: who, when, what, and its files.

import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { language, t } from "../base/i18n.js";
import { computed } from "../base/signal.js";
import { iconButton, menu } from "../base/widgets.js";
import { query } from "./api.js";
import { compose } from "./compose.js";
import { moveButton } from "./folders.js";
import * as store from "./store.js";
import { fileSize, full, hue, initials, longDate, names, personName } from "./words.js";

/** @import { Message, Person, Row } from "./api.js" */

export function readerPanel() {
  return h("section", { class: "reader", id: "reader", "aria-label": () => t("message") },
    () => {
      const message = store.open.get();
      const failed = store.failed.get();
      return message ? shown(message) : failed ? unreadable(failed.row, failed.why) : nothing();
    });
}

/** In place of a message that cannot be read. @param {Row} row @param {string} why */
function unreadable(row, why) {
  return h("article", { class: "message unreadable", "data-uid": row.uid },
    h("div", { class: "tools" },
      iconButton("previous", "back", store.closeMessage, { class: "icon-button to-list" }),
      h("div", { class: "tool-group quiet-tools" }, moveButton(),
        iconButton("trash", "delete", () => store.removeRows([row]),
          { class: "icon-button delete" }))),
    h("div", { class: "nothing", role: "alert" }, icon("warning", 44), h("h1", {}, t("unreadable")),
      h("p", { class: "lead" }, why),
      h("button", { type: "button", class: "quiet", onclick: () => store.openRow(row) },
        t("try_again"))));
}

function nothing() {
  return h("div", { class: "nothing" }, icon("message", 44),
    h("p", {}, t("choose_message")), h("p", { class: "lead" }, t("choose_hint")));
}

/** @param {Message} message */
function shown(message) {
  language.get();
  const row = () => store.current();
  const on = (/** @type {(rows: any[]) => void} */ run) => () => {
    const current = row();
    if (current) run([current]);
  };
  return h("article", { class: "message", "data-uid": message.uid },
    h("div", { class: "tools" },
      iconButton("previous", "back", store.closeMessage, { class: "icon-button to-list" }),
      h("div", { class: "tool-group" },
        tool("reply", "reply", () => compose({ reply: message })),
        tool("reply_all", "reply_all", () => compose({ reply: message, all: true })),
        tool("forward", "forward", () => compose({ forward: message }))),
      h("div", { class: "tool-group quiet-tools" },
        store.folderFor("archive") && store.folder.peek() !== store.folderFor("archive")?.name
          && iconButton("archive", "archive", on(store.archiveRows)),
        moveButton(),
        iconButton("trash", "delete", on(store.removeRows), { class: "icon-button delete" }),
        iconButton("unread", "mark_unread", on((rows) => store.markSeen(rows, false))),
        menu({ "aria-label": t("more"), title: t("more") }, icon("more", 17), () =>
          h("div", { class: "menu-list" },
            h("a", {
              class: "menu-item", download: true,
              href: `/api/source?${query({ folder: message.folder, uid: message.uid })}`,
            }, t("download_source")))))),
    h("div", { class: "message-scroll", tabindex: "0", role: "region",
      "aria-label": t("message") },
      h("h1", { class: "subject" }, message.subject || t("no_subject")),
      people(message), images(message), body(message), files(message)));
}

/** @param {string} image @param {string} text @param {() => void} run */
const tool = (image, text, run) => h("button", {
  type: "button", class: "quiet tool", "data-tool": text, title: t(text), onclick: run,
}, icon(image, 16), h("span", {}, t(text)));

/** @param {Message} message */
function people(message) {
  const from = message.from[0];
  const line = (/** @type {string} */ key, /** @type {Person[]} */ list) => list.length > 0
    && [h("dt", {}, t(key)), h("dd", {}, list.map(full).join(", "))];
  const to = [...message.to, ...message.cc];
  return h("div", { class: "people" },
    h("span", { class: "face large", style: { "--hue": hue(from) }, "aria-hidden": "true" },
      initials(from)),
    h("div", { class: "people-words" },
      h("p", { class: "from" }, h("b", {}, personName(from)),
        from?.name && h("span", { class: "address" }, from.address)),
      h("details", { class: "recipients" },
        h("summary", {}, `${t("to_short")} ${names(to)}`),
        h("dl", {}, line("from", message.from), line("to", message.to), line("cc", message.cc),
          line("bcc", message.bcc)))),
    h("time", { class: "when" }, longDate(message.written ?? message.date)));
}

/** @param {Message} message */
function images(message) {
  if (!message.html) return null;
  return h("div", { class: "images", hidden: () => store.remote.get().count === 0
    || store.remote.get().shown },
    icon("image", 17), h("span", {}, () => {
      const { count } = store.remote.get();
      return t(count === 1 ? "images_left_one" : "images_left", { count });
    }),
    h("button", { type: "button", class: "quiet", onclick: () =>
      store.remote.update((known) => ({ ...known, shown: true })) },
    () => t(store.remote.get().count === 1 ? "show_image" : "show_images")));
}

/** @param {Message} message */
function body(message) {
  if (!message.html) return h("div", { class: "text" }, paragraphs(message.text));
  const address = (/** @type {boolean} */ images) => `/api/html?${query({
    folder: message.folder, uid: message.uid, images: images ? "shown" : undefined,
  })}`;
  // How many images there are is known later: that alone loads nothing anew.
  const shownImages = computed(() => store.remote.get().shown);
  return () => h("iframe", {
    class: "html", title: t("message_text"), src: address(shownImages.get()),
    sandbox: "allow-popups allow-popups-to-escape-sandbox", referrerpolicy: "no-referrer",
  });
}

/** Text with its links; what it quotes is set apart, and a signature is quiet.
 * @param {string} text */
function paragraphs(text) {
  const lines = text.replace(/\s+$/, "").split("\n").map((line) => {
    const marks = /^(?:> ?)*/.exec(line)?.[0] ?? "";
    const depth = Math.min(QUOTES_MAX, marks.replaceAll(" ", "").length);
    return { depth, line: line.slice(marks.length) };
  });
  // RFC 3676 §4.3: two dashes alone begin the signature.
  const sign = lines.findLastIndex(({ depth, line }) => depth === 0 && /^-- ?$/.test(line));
  const end = sign > 0 ? sign : lines.length;
  const all = lines.slice(0, end).every(({ depth, line }) => depth > 0 || line.trim() === "");
  return [...quoted(lines.slice(0, end), 0, all), sign > 0
    && h("div", { class: "signature" }, ...quoted(lines.slice(end), 0, true))];
}

/**
 * Lines of one depth, and below them those that are deeper. Much that is quoted
 * waits behind a button, if there is anything else to read.
 * @param {{ depth: number, line: string }[]} lines @param {number} depth
 * @param {boolean} all whether all is shown
 */
function quoted(lines, depth, all) {
  /** @type {Node[]} */
  const nodes = [];
  for (let at = 0; at < lines.length; at += 1) {
    if (lines[at].depth <= depth) {
      const { line } = lines[at];
      nodes.push(h("div", {}, ...links(line), line === "" && h("br")));
      continue;
    }
    const begin = at;
    while (at + 1 < lines.length && lines[at + 1].depth > depth) at += 1;
    const some = lines.slice(begin, at + 1);
    const quote = h("blockquote", { class: "quoted" }, ...quoted(some, depth + 1, all));
    nodes.push(all || depth > 0 || some.length <= QUOTED_LINES_MAX ? quote
      : h("details", { class: "quote" }, h("summary", { title: t("quote") },
        h("span", { class: "unseen-word" }, t("quote")), icon("more_wide", 18)), quote));
  }
  return nodes;
}

/** @param {string} line */
function links(line) {
  return line.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]])/).map((part, index) =>
    (index % 2 === 0 ? part : h("a", {
      href: part, target: "_blank", rel: "noopener noreferrer nofollow",
    }, part)));
}

/** @param {Message} message */
function files(message) {
  if (message.attachments.length === 0) return null;
  return h("section", { class: "files", "aria-label": t("files") },
    h("h2", {}, t(message.attachments.length === 1 ? "file_one" : "file_many",
      { count: message.attachments.length })),
    h("ul", {}, message.attachments.map((file) => h("li", {}, h("a", {
      class: "file", download: file.name, title: file.name,
      href: `/api/part?${query({
        folder: message.folder, uid: message.uid, section: file.section,
      })}`,
    }, icon("file", 20), h("span", { class: "file-words" },
      h("span", { class: "file-name" }, file.name),
      h("small", {}, fileSize(file.size))), icon("download", 16))))));
}

/** Deeper quotations look like these. */
const QUOTES_MAX = 6;
/** Longer quotations wait behind a button. */
const QUOTED_LINES_MAX = 6;
