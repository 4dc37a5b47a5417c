// The page: puts the panels in their places and shows what the address names.

import { h } from "./base/dom.js";
import { language, loadTexts, setLanguage, t } from "./base/i18n.js";
import { effect } from "./base/signal.js";
import { startTheme } from "./base/theme.js";
import * as api from "./model/api.js";
import { fold } from "./model/folded.js";
import { open } from "./model/source.js";
import * as store from "./model/store.js";
import { coursePanel } from "./panels/course.js";
import { causesPanel } from "./panels/causes.js";
import { headBar } from "./panels/head.js";
import { startShortcuts } from "./panels/shortcuts.js";
import { ladderPanel } from "./panels/ladder.js";
import { mapPanel } from "./panels/map.js";
import { messagePanel } from "./panels/message.js";
import { phoneTabs } from "./panels/tabs.js";
import { statePanel } from "./panels/state.js";
import { storyPanel } from "./panels/story.js";
import { timelineBar } from "./panels/timeline.js";

async function start() {
  startTheme();
  await loadTexts();
  setLanguage(language.peek());
  fold.reset();
  store.version.update((count) => count + 1);
  effect(() => {
    document.title = `${t("title")} · capa7`;
  });
  effect(() => {
    document.body.dataset.view = store.view.get();
  });
  const desk = h("main", { class: "desk", id: "desk", "aria-label": () => t("title") },
    h("div", { class: "left" }, storyPanel(), causesPanel()),
    h("div", { class: "centre" }, mapPanel(), ladderPanel(), statePanel()),
    h("div", { class: "right" }, messagePanel()));
  document.body.append(headBar(), timelineBar(), notices(), desk, coursePanel(), phoneTabs());
  startShortcuts();
  addEventListener("hashchange", open);
  api.scenarios().then(store.scenarios.set).catch(store.complain);
  await open();
}

/** What went wrong, and small words of success: read aloud when they appear. */
function notices() {
  return h("div", { class: "notices", role: "status", "aria-live": "polite" },
    () => store.trouble.get() && h("p", { class: "notice bad" }, store.trouble.get(), " ",
      h("button", { type: "button", onclick: () => store.trouble.set("") }, t("close"))),
    () => store.toast.get() && h("p", { class: "notice good" }, store.toast.get()));
}

start();
