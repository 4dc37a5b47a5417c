// The folders, with what is unread in each.

import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { t } from "../base/i18n.js";
import { dialog, iconButton } from "../base/widgets.js";
import * as api from "./api.js";
import { compose } from "./compose.js";
import * as store from "./store.js";

/** @import { Folder } from "./api.js" */

/** @type {Record<string, string>} */
const IMAGES = {
  inbox: "inbox", drafts: "draft", sent: "send", archive: "archive", junk: "warning",
  trash: "trash",
};

export function foldersPanel() {
  return h("nav", { class: "folders", id: "folders", "aria-label": () => t("folders") },
    h("button", { type: "button", class: "primary compose-button", onclick: () => compose() },
      icon("pen", 17), h("span", {}, () => t("compose"))),
    h("ul", { class: "folder-list" }, () => store.folders.get().filter((f) => f.selectable)
      .map(folderRow)),
    h("button", { type: "button", class: "new-folder", onclick: newFolder },
      icon("plus", 15), h("span", {}, () => t("new_folder"))));
}

/** @param {Folder} folder */
function folderRow(folder) {
  const depth = folder.separator ? folder.name.split(folder.separator).length - 1 : 0;
  const count = folder.use === "drafts" ? folder.messages : folder.unseen;
  const current = store.folder.get() === folder.name;
  const label = store.folderLabel(folder, folder.name);
  return h("li", {}, h("button", {
    type: "button", class: ["folder", current && "current", folder.unseen > 0 && "fresh"],
    "aria-current": current ? "page" : null, "data-folder": folder.name,
    style: { "--depth": folder.use ? 0 : depth },
    onclick: () => store.openFolder(folder.name),
  }, icon(IMAGES[folder.use ?? ""] ?? "folder", 17), h("span", { class: "folder-name" }, label),
    count > 0 && h("span", { class: "count" }, String(count))));
}

function newFolder() {
  const field = h("input", { id: "folder-name", required: true, maxlength: "200" });
  const box = dialog(t("new_folder"), h("form", {
    class: "small-form",
    onsubmit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      try {
        const { name } = await api.createFolder(field.value.trim());
        box.close();
        await store.loadFolders();
        await store.openFolder(name);
      } catch (error) {
        box.close();
        store.complain(error);
      }
    },
  }, h("label", { for: "folder-name" }, t("folder_name")), field,
    h("button", { type: "submit", class: "primary" }, t("create"))));
  field.focus();
}

/** Asks where to, and moves. @param {import("./api.js").Row} row */
export function chooseFolder(row) {
  const others = store.folders.peek().filter((folder) =>
    folder.selectable && folder.name !== store.folder.peek());
  const box = dialog(t("move_to"), h("ul", { class: "choices" }, others.map((folder) =>
    h("li", {}, h("button", {
      type: "button", class: "menu-item choice", "data-folder": folder.name,
      onclick: () => {
        box.close();
        store.moveRow(row, folder.name);
      },
    }, icon(IMAGES[folder.use ?? ""] ?? "folder", 16),
      h("span", {}, store.folderLabel(folder, folder.name)))))));
}

/** A button that opens the folders' choice for what is current. */
export const moveButton = () => iconButton("move", "move", () => {
  const row = store.current();
  if (row) chooseFolder(row);
});
