// Requests to the server. Every refusal becomes an Error with the server's sentence.

import { language } from "../base/i18n.js";

/** @import { MessageView, Run, Scenario, Status, World, FaultSpec, Change } from "./types.js" */

/**
 * @param {string} path @param {RequestInit} [init]
 * @returns {Promise<any>}
 */
async function ask(path, init) {
  const answer = await fetch(path, init);
  const body = answer.headers.get("content-type")?.includes("json")
    ? await answer.json() : { error: await answer.text() };
  if (!answer.ok) {
    const text = language.peek() === "es" ? body.error_es ?? body.error : body.error;
    throw Object.assign(new Error(text ?? answer.statusText), { body });
  }
  return body;
}

/** @param {string} path @param {unknown} body @param {string} [method] */
const send = (path, body, method = "POST") =>
  ask(path, {
    method, body: JSON.stringify(body), headers: { "content-type": "application/json" },
  });

/** @returns {Promise<Status>} */
export const status = () => ask("/api/status");
/** @returns {Promise<World>} */
export const world = () => ask("/api/world");
/** @returns {Promise<Scenario[]>} */
export const scenarios = async () => (await ask("/api/scenarios")).scenarios;
/** @param {string} scenario @param {number | undefined} seed @param {Change[]} changes
 * @returns {Promise<Run>} */
export const run = (scenario, seed, changes) => send("/api/runs", { scenario, seed, changes });
/** @param {string | null} run @param {number} id @returns {Promise<MessageView>} */
export const message = (run, id) =>
  ask(run ? `/api/runs/${run}/message/${id}` : `/api/message/${id}`);
/** @param {string} language */
export const course = (language) => ask(`/api/course?lang=${language}`);
/** An action in the words of scenarios. @param {Record<string, any>} action */
export const act = (action) => send("/api/do", { action });
/** @param {FaultSpec} fault */
export const addFault = (fault) => send("/api/faults", fault);
/** @param {number} id */
export const removeFault = (id) => send(`/api/faults/${id}`, {}, "DELETE");
export const faults = () => ask("/api/faults");
/** @param {string} text @param {string | null} run */
export const filter = (text, run) => {
  const query = new URLSearchParams({ q: text });
  if (run) query.set("run", run);
  return ask(`/api/filter?${query}`);
};
/** @param {string} kind @param {string} text @param {string | null} run */
export const exportAddress = (kind, text, run) => {
  const query = new URLSearchParams();
  if (text) query.set("filter", text);
  if (run) query.set("run", run);
  return `/api/export/${kind}?${query}`;
};
