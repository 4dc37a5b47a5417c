// Webmail: puts the parts in their places, for whoever is logged in.

import { h } from "../base/dom.js";
import { addIcons, icon } from "../base/icons.js";
import { language, loadTexts, setLanguage, t } from "../base/i18n.js";
import { effect, untracked } from "../base/signal.js";
import { startTheme } from "../base/theme.js";
import * as api from "./api.js";
import { compose } from "./compose.js";
import { foldersPanel } from "./folders.js";
import { headBar } from "./head.js";
import { listPanel } from "./list.js";
import { loginView } from "./login.js";
import { readerPanel } from "./reader.js";
import { startShortcuts } from "./shortcuts.js";
import * as store from "./store.js";

addIcons({
  menu: "M4 7h16M4 12h16M4 17h16",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20",
  inbox: "M4 13l2.5-8h11L20 13v6H4zM4 13h5l1 2.5h4L15 13h5",
  draft: "M6 3.5h8l4 4V20.5H6zM14 3.5v4h4M9 12h6M9 16h4",
  archive: "M4 5h16v4H4zM5.5 9v10.5h13V9M10 13h4",
  warning: "M12 4l9 16H3zM12 10v4.5M12 17.5v.01",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7M10.5 10.5v6M13.5 10.5v6",
  folder: "M3.5 6h6l2 2.5h9v10.5h-17z",
  pen: "M4 20l1-4.5L16 4.5l3.5 3.5L8.5 19zM14 6.5l3.5 3.5",
  plus: "M12 5v14M5 12h14",
  move: "M3.5 6h6l2 2.5h9v10.5h-17zM8.5 13.8h6M12 11l2.8 2.8L12 16.5",
  clip: "M19 11.5l-7.5 7.3a4.6 4.6 0 0 1-6.5-6.5l8-7.8a3.1 3.1 0 0 1 4.4 4.4l-7.8 7.6"
    + "a1.5 1.5 0 0 1-2.1-2.1l7-6.9",
  reply: "M10 6l-6 6 6 6M4 12h9a7 7 0 0 1 7 7",
  reply_all: "M8 7l-5 5 5 5M13 6l-6 6 6 6M7 12h7a6 6 0 0 1 6 7",
  forward: "M14 6l6 6-6 6M20 12h-9a7 7 0 0 0-7 7",
  star: "M12 4l2.5 5.2 5.7.8-4.1 4 1 5.7L12 17l-5.1 2.7 1-5.7-4.1-4 5.7-.8z",
  previous: "M14.5 6l-6 6 6 6",
  read: "M4 9.5v10h16v-10L12 4zM4 9.5l8 6 8-6",
  unread: "M4 7h11M4 7v11h16v-7M4 8l8 6 3.5-2.6M19.5 7a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z",
  more: "M12 5.3a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.4zM12 11.3a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.4z"
    + "M12 17.3a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.4z",
  more_wide: "M5.3 12a.7.7 0 1 0 1.4 0 .7.7 0 0 0-1.4 0zM11.3 12a.7.7 0 1 0 1.4 0 .7.7 0 0 0-1.4 0z"
    + "M17.3 12a.7.7 0 1 0 1.4 0 .7.7 0 0 0-1.4 0z",
  plane: "M20.5 4L3.5 10.5l6.8 3.2 3.2 6.8zM10.3 13.7L20.5 4",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 9.5v.01",
  file: "M6 3.5h8l4 4V20.5H6zM14 3.5v4h4",
});

async function start() {
  startTheme();
  await loadTexts();
  setLanguage(language.peek());
  startShortcuts();
  const place = h("div", { class: "place" });
  document.body.append(place, notices());
  effect(() => {
    const session = store.session.get();
    if (session === undefined) return;
    untracked(() => place.replaceChildren(...(session ? [desk()] : [loginView()])));
    document.body.dataset.view = session ? "mail" : "login";
    if (session) untracked(() => store.begin());
  });
  effect(() => {
    document.body.dataset.pane = store.pane.get();
  });
  effect(() => {
    const unseen = store.session.get() ? store.folderOf("INBOX")?.unseen ?? 0 : 0;
    document.title = unseen > 0 ? `(${unseen}) ${t("title")}` : t("title");
  });
  effect(store.watch);
  window.addEventListener("offline", () => store.away.set(true));
  store.session.set(await api.session().catch(() => null));
}

function desk() {
  return h("div", { class: "desk" }, headBar(), foldersPanel(),
    h("main", { class: "panes" }, listPanel(), readerPanel()),
    h("button", { type: "button", class: "primary compose-float", "aria-label": () => t("compose"),
      onclick: () => compose() }, icon("pen", 22)),
    h("button", { type: "button", class: "shade", "aria-label": () => t("close"),
      onclick: () => store.pane.set("list") }));
}

/** What went wrong, and small words of success: read aloud when they appear. */
function notices() {
  return h("div", { class: "notices", role: "status", "aria-live": "polite" },
    () => store.trouble.get() && h("p", { class: "notice bad" }, store.trouble.get(), " ",
      h("button", { type: "button", onclick: () => store.trouble.set("") }, t("close"))),
    () => store.toast.get() && h("p", { class: "notice good",
      onmouseenter: store.holdToast, onmouseleave: store.releaseToast,
      onfocusin: store.holdToast, onfocusout: store.releaseToast }, store.toast.get(), " ",
      store.undo.get() && h("button", { type: "button", class: "undo", onclick: store.undoLast },
        t("undo"))));
}

start();
