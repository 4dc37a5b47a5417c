// Writing a message: new, as an answer, passed on, or from a draft. What is
// written is kept as a draft by itself.

import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { t } from "../base/i18n.js";
import { effect, signal } from "../base/signal.js";
import { iconButton } from "../base/widgets.js";
import * as api from "./api.js";
import * as store from "./store.js";
import { meet, withSuggestions } from "./suggest.js";
import { fileSize, full, isAddress, longDate, names, parsePeople } from "./words.js";

/** @import { Attachment, Message, Person, Row } from "./api.js" */
/**
 * @typedef {{ name: string, size: number, send: any, own?: any }} File_ `send` is its content,
 *   or where the mailbox has it; `own` its content, if it was chosen here
 * @typedef {{ reply?: Message, all?: boolean, forward?: Message, draft?: Row,
 *   again?: ReturnType<typeof beginning> }} Begin `again`: what was written and discarded
 */

/** After the last key, before a draft is kept. */
const SAVE_MS = 1500;
/** What the gateway takes, with room for base64. */
const FILES_BYTES_MAX = 25e6;

/** Whether somebody is writing. */
export const writing = signal(false);
/** Keeps what is written as a draft and closes; false when it could not be kept.
 * @type {() => Promise<boolean>} */
let closeOpen = async () => true;

/** Puts away what is written, before somebody logs out. */
export const putAway = () => (writing.peek() ? closeOpen() : Promise.resolve(true));

/** A draft is written on, another message is read. @param {Row} row */
export function openOrEdit(row) {
  const use = store.folderOf(store.folder.peek())?.use;
  if (row.draft && use === "drafts") compose({ draft: row });
  else store.openRow(row);
}

/** @param {Begin} [begin] */
export async function compose(begin = {}) {
  if (writing.peek()) {
    /** @type {HTMLElement | null} */ (document.querySelector(".composer textarea"))?.focus();
    return;
  }
  // From here on: a draft takes a moment to load, and a second click is one too many.
  writing.set(true);
  try {
    const start = begin.draft ? await fromDraft(begin.draft) : begin.again ?? beginning(begin);
    document.body.append(composer(start, begin.again !== undefined));
    const first = start.to === "" ? "#to" : "#text";
    const field = /** @type {HTMLTextAreaElement} */ (document.querySelector(`.composer ${first}`));
    field.focus();
    field.setSelectionRange?.(0, 0);
  } catch (error) {
    writing.set(false);
    store.complain(error);
  }
}

/** Whom one wrote to last is offered first. */
async function meetSent() {
  const sent = store.folderFor("sent");
  if (!sent) return;
  const page = await api.messages(sent.name, 0, "").catch(() => null);
  meet((page?.messages ?? []).toReversed().flatMap((row) => row.to));
}

/** @param {Row} row */
async function fromDraft(row) {
  const folder = store.folder.peek();
  const message = await api.message(folder, row.uid);
  return {
    to: message.to.map(full).join(", "), cc: message.cc.map(full).join(", "),
    bcc: message.bcc.map(full).join(", "), subject: message.subject, text: message.text,
    files: message.attachments.map((file) => kept(message, file)), draft: message.uid,
    in_reply_to: message.in_reply_to, references: message.references, answers: null,
  };
}

/** A file that a message in the mailbox has. @param {Message} message @param {Attachment} file */
const kept = (message, file) => ({
  name: file.name, size: file.size,
  send: { folder: message.folder, uid: message.uid, section: file.section },
});

/** @param {Begin} begin */
function beginning({ reply, all, forward }) {
  const own = store.session.peek()?.address.toLowerCase();
  const others = (/** @type {Person[]} */ people) =>
    people.filter((person) => person.address.toLowerCase() !== own);
  const blank = {
    to: "", cc: "", bcc: "", subject: "", text: "", files: /** @type {File_[]} */ ([]),
    draft: /** @type {number | null} */ (null), in_reply_to: "", references: "",
    answers: /** @type {{ folder: string, uid: number } | null} */ (null),
  };
  const of = reply ?? forward;
  if (!of) return blank;
  const prefix = reply ? "Re: " : "Fwd: ";
  const known = reply ? /^re:/i : /^(fwd?|rv):/i;
  const subject = known.test(of.subject) ? of.subject : prefix + of.subject;
  if (forward) {
    const head = [t("forwarded"), `${t("from")}: ${of.from.map(full).join(", ")}`,
      `${t("date")}: ${longDate(of.written ?? of.date)}`, `${t("subject")}: ${of.subject}`,
      `${t("to")}: ${of.to.map(full).join(", ")}`];
    return { ...blank, subject, text: `\n\n${head.join("\n")}\n\n${of.text}`,
      files: of.attachments.map((file) => kept(of, file)) };
  }
  const back = of.reply_to.length > 0 ? of.reply_to : of.from;
  const to = others(back).length > 0 ? others(back) : of.to;
  const cc = all ? others([...of.to, ...of.cc]).filter((person) =>
    !to.some((known_) => known_.address === person.address)) : [];
  const said = t("wrote", { date: longDate(of.written ?? of.date), name: names(of.from) });
  const quoted = of.text.replace(/\s+$/, "").split("\n")
    .map((line) => (line.startsWith(">") ? `>${line}` : `> ${line}`)).join("\n");
  return { ...blank, subject, to: to.map(full).join(", "), cc: cc.map(full).join(", "),
    text: `\n\n${said}\n${quoted}\n`, in_reply_to: of.message_id, references: of.references,
    answers: { folder: of.folder, uid: of.uid } };
}

/** @param {File} file @returns {Promise<string>} */
const base64 = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onerror = () => reject(reader.error);
  reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
  reader.readAsDataURL(file);
});

/** A name for what is written, so that it is sent once however often it is tried. */
const name = () => [...crypto.getRandomValues(new Uint32Array(4))]
  .map((number) => number.toString(16)).join("-");

/** @param {ReturnType<typeof beginning>} start @param {boolean} isNew whether it is kept nowhere */
function composer(start, isNew) {
  const key = name();
  const owner = store.session.peek()?.user;
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
  const files = signal(/** @type {File_[]} */ (start.files));
  const state = signal("");
  const copies = signal(start.cc !== "" || start.bcc !== "");
  const sending = signal(false);
  let draft = start.draft;
  let timer = 0;
  let changed = false;
  /** @type {Promise<void>} */
  let saving = Promise.resolve();
  /** Files that are still being read. @type {Promise<void>} */
  let adding = Promise.resolve();

  const line = (/** @type {string} */ id, /** @type {string} */ value, more = {}) => h("input", {
    id, value, autocomplete: "off", spellcheck: "false", oninput: touch, ...more,
  });
  const to = line("to", start.to);
  const cc = line("cc", start.cc);
  const bcc = line("bcc", start.bcc);
  const offers = [to, cc, bcc].map(withSuggestions);
  meetSent();
  const subject = line("subject", start.subject, { spellcheck: "true" });
  const text = h("textarea", { id: "text", "aria-label": t("message_text"), oninput: touch },
    start.text);
  const picker = h("input", { type: "file", multiple: true, class: "unseen", tabindex: "-1",
    "aria-label": t("attach"), onchange: () => add(picker.files) });

  function touch() {
    changed = true;
    clearTimeout(timer);
    // While it is sent no draft is kept that would outlive it.
    if (!sending.peek()) timer = setTimeout(save, SAVE_MS);
    state.set("draft_changed");
  }
  const written = () => ({
    to: parsePeople(to.value), cc: parsePeople(cc.value), bcc: parsePeople(bcc.value),
    subject: subject.value, text: text.value, attachments: files.peek().map((file) => file.send),
    in_reply_to: start.in_reply_to, references: start.references, draft,
    answers: start.answers, key,
  });
  /** Does something with all that is written. Files that another program has taken
   * from the mailbox are given once more, if they were chosen here.
   * @template T @param {(all: any, files: File_[]) => Promise<T>} run @returns {Promise<T>} */
  async function give(run) {
    try {
      return await run(written(), files.peek());
    } catch (error) {
      const lost = error instanceof api.Refusal && error.key === "missing"
        && files.peek().some((file) => file.own && file.send !== file.own);
      if (!lost) throw error;
      files.update((all) => all.map((file) => ({ ...file, send: file.own ?? file.send })));
      return run(written(), files.peek());
    }
  }
  /** One after the other: each takes the place of the one before. */
  function save() {
    clearTimeout(timer);
    if (!changed) return saving;
    changed = false;
    state.set("draft_saving");
    saving = saving.then(async () => {
      try {
        await give(async (all, given) => {
          const { folder, uid, sections } = await api.saveDraft(all);
          draft = uid;
          // The mailbox has the files: the next draft takes them from this one.
          if (uid) files.update((known) => known.map((file) => (given.includes(file)
            ? { ...file, send: { folder, uid, section: sections[given.indexOf(file)] } } : file)));
        });
        if (!changed) state.set("draft_saved");
        if (store.folderOf(store.folder.peek())?.use === "drafts") store.reload();
        store.loadFolders();
      } catch (error) {
        changed = true;
        state.set("draft_unsaved");
        store.complain(error);
      }
    });
    return saving;
  }
  /** @param {FileList | null | undefined} chosen */
  function add(chosen) {
    const some = [...chosen ?? []];
    adding = adding.then(() => read(some)).catch((error) => store.trouble.set(String(error)));
  }
  /** @param {File[]} chosen */
  async function read(chosen) {
    for (const file of chosen) {
      const sum = files.peek().reduce((all, known) => all + known.size, file.size);
      if (sum > FILES_BYTES_MAX) {
        store.trouble.set(t("files_too_large", { size: fileSize(FILES_BYTES_MAX) }));
        return;
      }
      const data = await base64(file);
      const type = file.type || "application/octet-stream";
      const own = { name: file.name, type, data };
      files.update((all) => [...all, { name: file.name, size: file.size, send: own, own }]);
    }
    touch();
  }
  /** Stays open when it could not be kept: what was written is nowhere else. */
  async function close() {
    await adding;
    await save();
    if (changed) return false;
    end();
    return true;
  }
  function end() {
    clearTimeout(timer);
    stop();
    window.removeEventListener("beforeunload", leaving);
    for (const offer of offers) offer.stop();
    box.remove();
    writing.set(false);
    if (opener?.isConnected) opener.focus();
  }
  const leaving = (/** @type {Event} */ event) => {
    if (changed) event.preventDefault();
  };
  /** What is written, to write on after all. A draft that was kept is in the trash, and
   * its files with it. @param {{ to: string | null, uids: number[] } | null} there */
  const again = (there) => ({
    ...start, to: to.value, cc: cc.value, bcc: bcc.value, subject: subject.value,
    text: text.value, draft: null, files: files.peek().map((file) => ({ ...file,
      send: file.own ?? (there?.uids.length && file.send.uid === draft
        ? { ...file.send, folder: there.to, uid: there.uids[0] } : file.send) })),
  });
  async function discard() {
    await adding;
    clearTimeout(timer);
    changed = false;
    await saving;
    const drafts = store.folderFor("drafts");
    const there = draft && drafts
      ? await api.remove(drafts.name, [draft]).catch(() => null) : null;
    const written = again(there);
    end();
    // What went wrong with it is no trouble any more.
    store.trouble.set("");
    store.tell(t("draft_discarded"), () => compose({ again: written }));
    store.loadFolders();
    if (store.folder.peek() === drafts?.name) store.reload();
  }
  async function send() {
    if (sending.peek()) return;
    const all = [...parsePeople(to.value), ...parsePeople(cc.value), ...parsePeople(bcc.value)];
    const wrong = all.find((person) => !isAddress(person));
    if (all.length === 0 || wrong) {
      store.trouble.set(wrong ? t("bad_address", { address: wrong.address }) : t("no_recipient"));
      to.focus();
      return;
    }
    sending.set(true);
    store.trouble.set("");
    // What was chosen a moment before is sent too.
    await adding;
    if (store.trouble.peek() !== "") {
      sending.set(false);
      return;
    }
    clearTimeout(timer);
    changed = false;
    await saving;
    try {
      const { refused, kept } = await give((all) => api.send(all));
      changed = false;
      end();
      const told = refused.length > 0 ? "sent_partly" : kept ? "sent" : "sent_unkept";
      store.tell(t(told, { who: refused.join("; ") }));
      store.loadFolders();
      store.reload();
    } catch (error) {
      sending.set(false);
      touch();
      store.complain(error);
    }
  }

  const field = (/** @type {string} */ id, /** @type {HTMLElement[]} */ inputs, more = {}) =>
    h("div", { class: "line", ...more }, h("label", { for: id }, () => t(id)), ...inputs);
  const box = h("section", {
    class: "composer", role: "dialog", "aria-label": () => t("compose"),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") close();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
    },
    ondragover: (/** @type {Event} */ event) => event.preventDefault(),
    ondrop: (/** @type {DragEvent} */ event) => {
      event.preventDefault();
      add(event.dataTransfer?.files);
    },
  },
    h("header", { class: "composer-head" },
      h("h2", {}, () => t(start.answers ? "reply" : "compose")),
      h("span", { class: "draft-state", role: "status" }, () => state.get() && t(state.get())),
      iconButton("close", "close_draft", close)),
    h("div", { class: "lines" },
      h("div", { class: "line" }, h("label", { for: "to" }, () => t("to")), to,
        offers[0].list,
        h("button", { type: "button", class: "copies", hidden: () => copies.get(),
          onclick: () => copies.set(true) }, () => t("copies"))),
      field("cc", [cc, offers[1].list], { hidden: () => !copies.get() }),
      field("bcc", [bcc, offers[2].list], { hidden: () => !copies.get() }),
      field("subject", [subject])),
    text,
    h("ul", { class: "chosen-files" }, () => files.get().map((file) => h("li", {},
      icon("clip", 14), h("span", {}, file.name), h("small", {}, fileSize(file.size)),
      iconButton("close", () => t("remove_file", { name: file.name }), () => {
        files.update((all) => all.filter((known) => known !== file));
        touch();
      })))),
    h("footer", { class: "composer-foot" },
      h("button", { type: "button", class: "primary send", disabled: () => sending.get(),
        onclick: send }, icon("plane", 16), h("span", {}, () =>
        t(sending.get() ? "sending" : "send"))),
      iconButton("clip", "attach", () => picker.click()), picker,
      h("span", { class: "spacer" }),
      iconButton("trash", "discard", discard, { class: "icon-button discard" })));
  // A session may end in the middle of a word: what is written waits for whoever
  // wrote it, and is for nobody else.
  const stop = effect(() => {
    const session = store.session.get();
    if (!session) {
      clearTimeout(timer);
      box.remove();
    } else if (session.user !== owner) {
      queueMicrotask(end);
    } else if (!box.isConnected) {
      document.body.append(box);
      sending.set(false);
      if (changed) touch();
    }
  });
  if (isNew) touch();
  closeOpen = close;
  window.addEventListener("beforeunload", leaving);
  return box;
}
