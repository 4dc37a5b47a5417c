// The folders, with what is unread in each.

import { h, reconcile } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { t } from "../base/i18n.js";
import { effect } from "../base/signal.js";
import { dialog, iconButton, menu } from "../base/widgets.js";
import * as api from "./api.js";
import { compose } from "./compose.js";
import * as store from "./store.js";

/** @import { Folder } from "./api.js" */

/** @type {Record<string, string>} */
const IMAGES = {
  inbox: "inbox", drafts: "draft", sent: "plane", archive: "archive", junk: "warning",
  trash: "trash",
};

/** @param {string} use */
export const folderIcon = (use) => IMAGES[use] ?? "folder";

export function foldersPanel() {
  return h("nav", { class: "folders", id: "folders", "aria-label": () => t("folders") },
    h("p", { class: "folders-who" }, () => store.session.get()?.address ?? ""),
    h("button", { type: "button", class: "primary compose-button", onclick: () => compose() },
      icon("pen", 17), h("span", {}, () => t("compose"))),
    folderList(),
    h("button", { type: "button", class: "new-folder", onclick: newFolder },
      icon("plus", 15), h("span", {}, () => t("new_folder"))));
}

/** A folder keeps its button, and so its focus, its menu and a click that has begun,
 * while its numbers change. */
function folderList() {
  const list = h("ul", { class: "folder-list" });
  effect(() => {
    const current = store.folder.get();
    const label = (/** @type {Folder} */ folder) => store.folderLabel(folder, folder.name);
    const more = t("more");
    reconcile(list, store.folders.get().filter((folder) => folder.selectable),
      (folder) => JSON.stringify([folder.name, folder.use, label(folder), more]),
      (folder) => folderRow(folder, label(folder)),
      (element, folder) => {
        const button = element.querySelector(".folder");
        button.classList.toggle("current", folder.name === current);
        button.classList.toggle("fresh", folder.unseen > 0);
        if (folder.name === current) button.setAttribute("aria-current", "page");
        else button.removeAttribute("aria-current");
        const count = folder.use === "drafts" ? folder.messages : folder.unseen;
        button.querySelector(".count").textContent = count > 0 ? String(count) : "";
      });
  });
  return list;
}

/** @param {Folder} folder @param {string} label */
function folderRow(folder, label) {
  const depth = folder.separator ? folder.name.split(folder.separator).length - 1 : 0;
  return h("li", { class: "folder-item" }, h("button", {
    type: "button", class: "folder", "data-folder": folder.name, title: folder.use ? null : label,
    style: { "--depth": folder.use ? 0 : depth },
    onclick: () => store.openFolder(folder.name),
  }, icon(IMAGES[folder.use ?? ""] ?? "folder", 17), h("span", { class: "folder-name" }, label),
    h("span", { class: "count" })),
    !folder.use && h("div", { class: "folder-menu" },
      menu({ "aria-label": t("folder_more", { folder: label }), title: t("more") },
        icon("more", 16), (close) => h("div", { class: "menu-list" },
          item("rename", () => {
            close();
            renameFolder(folder);
          }),
          item("delete_folder", () => {
            close();
            deleteFolder(store.folderOf(folder.name) ?? folder, label);
          })))));
}

/** @param {string} text @param {() => void} onclick */
const item = (text, onclick) =>
  h("button", { type: "button", class: "menu-item", "data-item": text, onclick }, t(text));

const newFolder = () => askName("new_folder", "create", "", api.createFolder);

/** @param {Folder} folder */
const renameFolder = (folder) => askName("rename", "rename", folder.name,
  (name) => api.renameFolder(folder.name, name));

/**
 * Asks for a folder's name, does something with it, and opens that folder.
 * @param {string} title @param {string} verb @param {string} name
 * @param {(name: string) => Promise<{ name: string }>} run
 */
function askName(title, verb, name, run) {
  const field = h("input", { id: "folder-name", required: true, maxlength: "200", value: name });
  const box = dialog(t(title), h("form", {
    class: "small-form",
    onsubmit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      const wanted = field.value.trim();
      box.close();
      if (wanted === "" || wanted === name) return;
      try {
        const made = await run(wanted);
        await store.loadFolders();
        await store.openFolder(made.name);
      } catch (error) {
        store.complain(error);
      }
    },
  }, h("label", { for: "folder-name" }, t("folder_name")), field,
    h("button", { type: "submit", class: "primary" }, t(verb))));
  field.select();
  field.focus();
}

/** @param {Folder} folder @param {string} label */
function deleteFolder(folder, label) {
  const count = folder.messages;
  const what = count === 0 ? "folder_gone_empty" : count === 1 ? "folder_gone_one" : "folder_gone";
  const box = dialog(t("delete_folder"), h("div", { class: "small-form" },
    h("p", {}, t(what, { folder: label, count })),
    h("button", { type: "button", class: "primary danger", onclick: async () => {
      box.close();
      try {
        await api.deleteFolder(folder.name);
        tell(label);
        const here = store.folder.peek() === folder.name;
        await (here ? store.openFolder("INBOX") : store.loadFolders());
      } catch (error) {
        store.complain(error);
      }
    } }, t("delete_folder"))));
}

/** Asks, then removes all messages of the folder that is shown. */
export function emptyFolder() {
  const name = store.folder.peek();
  const [label, count] = [store.folderLabel(store.folderOf(name), name),
    store.list.peek()?.exists ?? 0];
  const box = dialog(t("empty_title", { folder: label }), h("div", { class: "small-form" },
    h("p", {}, t(count === 1 ? "empty_gone_one" : "empty_gone", { count })),
    h("button", { type: "button", class: "primary danger", onclick: async () => {
      box.close();
      await store.emptyFolder(name);
    } }, t("empty"))));
}

/** @param {string} label */
const tell = (label) => store.tell(t("folder_deleted", { folder: label }));

/** Asks where to, and moves. @param {import("./api.js").Row[]} rows */
export function chooseFolder(rows) {
  const others = store.folders.peek().filter((folder) =>
    folder.selectable && folder.name !== store.folder.peek());
  const box = dialog(t("move_to"), h("ul", { class: "choices" }, others.map((folder) =>
    h("li", {}, h("button", {
      type: "button", class: "menu-item choice", "data-folder": folder.name,
      onclick: () => {
        box.close();
        store.moveRows(rows, folder.name);
      },
    }, icon(IMAGES[folder.use ?? ""] ?? "folder", 16),
      h("span", {}, store.folderLabel(folder, folder.name)))))));
  const choices = [...box.querySelectorAll("button.choice")];
  box.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[/** @type {KeyboardEvent} */ (event).key];
    if (!by) return;
    event.preventDefault();
    const at = choices.indexOf(/** @type {Element} */ (document.activeElement)) + by;
    /** @type {HTMLElement | undefined} */ (choices.at(at % choices.length))?.focus();
  });
  /** @type {HTMLElement | undefined} */ (choices[0])?.focus();
}

/** A button that opens the folders' choice for what is current. */
export const moveButton = () => iconButton("move", "move", () => {
  const row = store.current();
  if (row) chooseFolder([row]);
});
