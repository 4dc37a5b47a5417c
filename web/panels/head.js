// The bar at the top: which source, the player, language, theme, help.

import { h } from "../base/dom.js";
import { clock } from "../base/format.js";
import { icon } from "../base/icons.js";
import { either, language, setLanguage, t } from "../base/i18n.js";
import { theme, toggleTheme } from "../base/theme.js";
import { iconButton, menu } from "../base/widgets.js";
import * as player from "../model/player.js";
import { toggle } from "../model/source.js";
import * as store from "../model/store.js";
import { keysDialog } from "./shortcuts.js";

/** @import { Scenario } from "../model/types.js" */

export function headBar() {
  return h("header", { class: "head" },
    h("a", { class: "logo", href: "#", "aria-label": () => t("home") }, "capa", h("b", {}, "7")),
    sourceMenu(),
    playerButtons(),
    h("output", { class: "clock", "aria-label": () => t("clock"), "aria-live": "off" },
      () => clock(store.now.get())),
    h("span", { class: "spacer" }),
    modePill(),
    languageSwitch(),
    iconButton("moon", () => t(theme.get() === "dark" ? "theme_light" : "theme_dark"),
      toggleTheme, { class: "icon-button theme-button" }),
    iconButton("keys", "keys", keysDialog, { class: "icon-button keys-button" }));
}

function sourceName() {
  if (store.loading.get()) return t("loading", { name: store.loading.get() });
  if (store.view.get() === "course") return t("course");
  const run = store.run.get();
  return run ? either(run.title) : t("live_long");
}

function sourceMenu() {
  const face = [
    h("span", { class: "source-name" }, sourceName), icon("down", 14),
  ];
  const name = () => `${t("source")}: ${sourceName()}`;
  return menu({ class: "menu-button source", "aria-label": name }, face,
    (close) => h("nav", { class: "sources", "aria-label": t("source") },
      h("a", { href: "#", onclick: close, class: "source-item" }, icon("live"),
        h("span", {}, h("b", {}, t("live_long")), h("small", {}, t("live_hint")))),
      h("a", { href: "#course", onclick: close, class: "source-item" }, icon("course"),
        h("span", {}, h("b", {}, t("course")), h("small", {}, t("course_hint")))),
      h("h3", {}, t("scenarios")),
      store.scenarios.get().map((scenario) => scenarioLink(scenario, close))));
}

/** @param {Scenario} scenario @param {() => void} close */
function scenarioLink(scenario, close) {
  return h("a", { href: `#run=${scenario.id}`, class: "source-item", onclick: close },
    icon("play"), h("span", {}, h("b", {}, either(scenario.title)),
      h("small", {}, `${scenario.id} · ${scenario.course.join(" ")}`)));
}

function playerButtons() {
  const isRun = () => store.view.get() === "run";
  const away = () => !isRun();
  return h("div", { class: "player", role: "group", "aria-label": () => t("player") },
    iconButton("start", "to_start", player.toStart, { disabled: away }),
    iconButton("back", "step_back", () => player.step(-1), { disabled: away }),
    playButton(),
    iconButton("step", "step", () => player.step(1), { disabled: away }),
    h("label", { class: "speed", hidden: away },
      h("span", { class: "unseen" }, () => t("speed")),
      h("select", {
        title: () => t("speed"), value: () => String(store.speed.get()),
        onchange: (/** @type {any} */ event) => player.setSpeed(Number(event.target.value)),
      }, player.SPEEDS.map((speed) => h("option", {
        value: String(speed), selected: speed === store.speed.peek(),
      }, `${speed}×`)))));
}

function playButton() {
  const name = () => {
    if (store.view.get() === "live") return t(store.playing.get() ? "freeze" : "follow");
    return t(store.playing.get() ? "pause" : "play");
  };
  return h("button", {
    type: "button", class: "play", "aria-label": name, title: name, onclick: toggle,
    disabled: () => store.view.get() === "course",
  }, () => icon(store.playing.get() ? "pause" : "play"));
}

function modePill() {
  return h("span", { class: "pill mode" }, () => {
    const status = store.status.get();
    const hosts = store.world.get().hosts.length;
    if (store.view.get() === "run") {
      return t("mode_run", { hosts, seed: store.run.get()?.seed ?? 0 });
    }
    if (!status) return t("connecting");
    return t(store.connected.get() ? "mode_live" : "mode_lost",
      { hosts, mode: t(`mode_${status.mode}`) });
  });
}

function languageSwitch() {
  return h("div", { class: "languages", role: "group", "aria-label": () => t("language") },
    /** @type {const} */ (["en", "es"]).map((name) => h("button", {
      type: "button", lang: name, "aria-pressed": () => String(language.get() === name),
      title: name === "en" ? "English" : "Español",
      onclick: () => setLanguage(name),
    }, name.toUpperCase())));
}
