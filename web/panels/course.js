// The course: the lecture's stations in order, each statement with its measurement.

import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { language, t } from "../base/i18n.js";
import { effect, signal } from "../base/signal.js";
import * as api from "../model/api.js";
import * as store from "../model/store.js";

/**
 * @typedef {{ id: string, row: string, says: string, measured: string | null, state: string,
 *   scenario?: string, wire?: string }} Statement
 * @typedef {{ id: string, statements: Statement[] }} Station
 */

/** What the state of a statement looks like. */
const MARKS = /** @type {Record<string, string>} */ ({ yes: "check", no: "cross" });

/** The state of the statements that are shown; empty for all. */
const only = signal("");
const stations = signal(/** @type {Station[] | null} */ (null));

export function coursePanel() {
  effect(() => {
    const lang = language.get();
    if (store.view.get() !== "course") return;
    stations.set(null);
    api.course(lang).then((answer) => {
      if (language.peek() === lang) stations.set(answer.stations);
    }).catch(store.complain);
  });
  return h("main", { class: "course", tabindex: "0", "aria-label": () => t("course") },
    h("div", { class: "course-page" },
      h("h1", {}, () => t("course")),
      h("p", { class: "lead" }, () => t("course_lead")),
      () => {
        const list = stations.get();
        if (!list) return h("p", { class: "empty" }, t("course_measuring"));
        return [tally(list), contents(list), ...list.map(station)];
      }));
}

/** @param {Statement} one */
const stateOf = (one) => (one.state in MARKS ? one.state : "later");

/** How many hold, do not, are not measured: each a button that shows only those.
 * @param {Station[]} list */
function tally(list) {
  const all = list.flatMap(({ statements }) => statements);
  const button = (/** @type {string} */ state) => h("button", {
    type: "button", class: `badge ${state}`, "aria-pressed": () => String(only.get() === state),
    onclick: () => only.set(only.peek() === state ? "" : state),
  }, `${t(`statement_${state}`)}: ${all.filter((one) => stateOf(one) === state).length}`);
  return h("div", { class: "tally", role: "group", "aria-label": t("course_only") },
    ["yes", "no", "later"].map(button));
}

/** Leads to each station. @param {Station[]} list */
function contents(list) {
  return h("nav", { class: "contents", "aria-label": t("course_stations") },
    list.map(({ id, statements }) => {
      const states = new Set(statements.map(stateOf));
      const tone = states.has("no") ? "no" : states.has("yes") ? "yes" : "later";
      return h("button", { type: "button", class: `row-id ${tone}`, onclick: () => {
        only.set("");
        document.getElementById(`station-${id}`)?.scrollIntoView();
      } }, id);
    }));
}

/** @param {Station} one */
function station(one) {
  const shown = () => one.statements.filter((each) => !only.get() || stateOf(each) === only.get());
  return h("section", { class: "station", id: `station-${one.id}`, "aria-label": one.id,
    hidden: () => shown().length === 0 },
  h("h2", {}, one.id), h("ul", {}, () => shown().map(statement)));
}

/** @param {string | undefined} scenario */
const isHere = (scenario) => store.scenarios.get().some(({ id }) => id === scenario);

/** @param {Statement} one */
function statement(one) {
  const mark = MARKS[one.state];
  const word = t(`statement_${stateOf(one)}`);
  return h("li", { class: `statement ${stateOf(one)}` },
    h("span", { class: "statement-mark", title: word },
      mark ? icon(mark, 15) : h("span", { class: "ring" }), h("span", { class: "unseen" }, word)),
    h("div", {},
      h("p", {}, h("span", { class: "row-id" }, one.id), ` ${one.says}`),
      one.measured && h("p", { class: "measured" }, one.measured),
      one.wire && h("p", { class: "wire" }, h("b", {}, `${t("on_the_wire")} `), one.wire),
      isHere(one.scenario) && h("a", { href: `#run=${one.scenario}` }, t("see_it"), " ",
        one.scenario)));
}
