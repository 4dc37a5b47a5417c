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
 * @typedef {{ id: string, title?: string, statements: Statement[] }} Station
 */

/** What the state of a statement looks like. */
const MARKS = /** @type {Record<string, string>} */ ({ yes: "check", no: "cross" });

const stations = signal(/** @type {Station[] | null} */ (null));

export function coursePanel() {
  effect(() => {
    const lang = language.get();
    if (store.view.get() !== "course") return;
    stations.set(null);
    api.course(lang).then((answer) => stations.set(answer.stations)).catch(store.complain);
  });
  return h("main", { class: "course", tabindex: "0", "aria-label": () => t("course") },
    h("div", { class: "course-page" },
      h("h1", {}, () => t("course")),
      h("p", { class: "lead" }, () => t("course_lead")),
      () => {
        const list = stations.get();
        return list ? [tally(list), ...list.map(station)] : h("p", { class: "empty" },
          t("course_measuring"));
      }));
}

/** @param {Station[]} list */
function tally(list) {
  const all = list.flatMap(({ statements }) => statements);
  const count = (/** @type {string} */ state) => all.filter((one) => one.state === state).length;
  return h("p", { class: "tally" },
    h("span", { class: "badge good" }, icon("check", 12), ` ${count("yes")}`),
    h("span", { class: "badge bad" }, icon("cross", 12), ` ${count("no")}`),
    h("span", { class: "badge" }, `${t("not_yet")} ${all.length - count("yes") - count("no")}`));
}

/** @param {Station} one */
function station(one) {
  return h("section", { class: "station", "aria-label": one.title ?? one.id },
    h("h2", {}, h("span", { class: "row-id" }, one.id), one.title ? ` ${one.title}` : ""),
    h("ul", {}, one.statements.map(statement)));
}

/** @param {string | undefined} scenario */
const isHere = (scenario) => store.scenarios.get().some(({ id }) => id === scenario);

/** @param {Statement} one */
function statement(one) {
  const mark = MARKS[one.state];
  const word = t(`statement_${one.state in MARKS ? one.state : "later"}`);
  return h("li", { class: `statement ${one.state in MARKS ? one.state : "later"}` },
    h("span", { class: "statement-mark", title: word },
      mark ? icon(mark, 15) : h("span", { class: "ring" }), h("span", { class: "unseen" }, word)),
    h("div", {},
      h("p", {}, h("span", { class: "row-id" }, one.id), ` ${one.says}`),
      one.measured && h("p", { class: "measured" }, one.measured),
      one.wire && h("p", { class: "wire" }, h("b", {}, `${t("on_the_wire")} `), one.wire),
      isHere(one.scenario) && h("a", { href: `#run=${one.scenario}` }, t("see_it"), " ",
        one.scenario)));
}
