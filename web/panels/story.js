// The story on the left: a scenario's steps and checks, or, live, what can be tried.

import { h } from "../base/dom.js";
import { clock } from "../base/format.js";
import { icon } from "../base/icons.js";
import { either, t } from "../base/i18n.js";
import { effect } from "../base/signal.js";
import { empty, keepInView, panel } from "../base/widgets.js";
import * as player from "../model/player.js";
import * as store from "../model/store.js";
import { tryPanel } from "./try.js";

/** @import { Check, Run, Step } from "../model/types.js" */

export function storyPanel() {
  const body = h("div", { class: "panel-body" }, () => {
    const run = store.run.get();
    if (store.view.get() === "live") return tryPanel();
    if (!run) return empty(() => t("story_empty"));
    return [steps(run), checks(run)];
  });
  const title = () => (store.view.get() === "live" ? "try" : "story");
  return panel("story", title, progress, body);
}

function progress() {
  const run = store.run.get();
  if (store.view.get() !== "run" || !run) return null;
  const states = run.checks.map(checkState);
  const [passed, all] = [states.filter((state) => state === "passed").length, states.length];
  const tone = states.includes("failed") ? "bad" : passed === all ? "good" : "";
  return h("span", { class: `badge ${tone}` }, t("checks_passed", { passed, all }));
}

/** @param {Run} run */
function steps(run) {
  const list = h("ol", { class: "steps" }, run.steps.map((step, index) => {
    const next = run.steps[index + 1];
    const state = () => {
      const now = store.now.get();
      if (now < step.at) return "later";
      return next && now >= next.at ? "done" : "here";
    };
    return h("li", { class: () => `step ${state()}` },
      h("button", {
        type: "button", onclick: () => startOf(step),
        "aria-current": () => (state() === "here" ? "step" : null),
      },
      h("span", { class: "step-number", "aria-hidden": "true" },
        () => (state() === "done" ? icon("check", 13) : index + 1)),
      h("span", {}, () => either(step.title))),
      () => state() === "here" && stepText(step));
  }));
  let before = -1;
  effect(() => {
    const here = run.steps.filter(({ at }) => at <= store.now.get()).length - 1;
    if (here === before) return;
    before = here;
    const step = list.children[Math.max(0, here)];
    const body = list.closest(".panel-body");
    if (body && step) keepInView(body, step);
  });
  return list;
}

/** @param {Step} step */
function stepText(step) {
  const text = either(step.text);
  return text ? h("div", { class: "step-text" }, text.split(/\n\s*\n/).map(prose)) : null;
}

/** A paragraph in which `code` and **weight** are drawn. @param {string} text */
export function prose(text) {
  const parts = text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith("`")) return h("code", {}, part.slice(1, -1));
    if (part.startsWith("**")) return h("strong", {}, part.slice(2, -2));
    return part;
  });
  return h("p", {}, ...parts);
}

/** @param {Step} step */
function startOf(step) {
  player.pause();
  const { events } = store.log.peek();
  const count = events.findIndex(({ id }) => id >= step.first_event);
  player.seek(step.at, count < 0 ? events.length : count);
  store.selected.set(0);
  player.play();
}

/** @param {Run} run */
function checks(run) {
  if (run.checks.length === 0) return null;
  return h("div", { class: "checks" },
    h("h3", {}, t("checks")),
    h("ul", {}, run.checks.map((check) => h("li", { class: () => `check ${checkState(check)}` },
      h("details", {},
        h("summary", {},
          h("span", { class: "check-mark" }, () => checkMark(check)),
          h("span", {}, () => either(check.title) || check.expected)),
        () => checkDetail(check))))));
}

/** Decided at its time of the run, not before. @param {Check} check */
function checkState(check) {
  if (store.now.get() < check.at) return "open";
  return check.passed ? "passed" : "failed";
}

/** @param {Check} check */
function checkMark(check) {
  const state = checkState(check);
  const mark = state === "open" ? h("span", { class: "ring" })
    : icon(state === "passed" ? "check" : "cross", 13);
  return [mark, h("span", { class: "unseen" }, t(`check_${state}`))];
}

/** @param {Check} check */
function checkDetail(check) {
  const decided = checkState(check) !== "open";
  return h("div", { class: "check-detail" },
    h("dl", {},
      h("dt", {}, t("expected")), h("dd", {}, check.expected),
      decided && [h("dt", {}, t("seen")), h("dd", {}, check.seen)],
      h("dt", {}, t("decided")), h("dd", {}, clock(check.at)),
      check.source && [h("dt", {}, t("source_of")), h("dd", {}, check.source)]),
    decided && !check.passed && check.hint && h("p", { class: "hint" }, either(check.hint)),
    decided && check.events.length > 0 && h("p", { class: "look-at" }, t("look_at"), " ",
      check.events.slice(0, 8).map((id) => h("button", {
        type: "button", class: "reference", onclick: () => {
          player.seekEvent(id);
          store.selected.set(id);
        },
      }, `#${id}`))));
}
