// The address after `#`: what another person needs to see the same thing. A run is
// named by what makes it again (scenario, seed, changes), so the link holds on any
// machine with the same program.
//
//   #run=dns-iterated&seed=7&message=118      #message=4021 (live)      #course

/** @import { Change } from "./types.js" */
/**
 * @typedef {object} Route
 * @property {"live" | "run" | "course"} view
 * @property {string} [scenario]
 * @property {number} [seed]
 * @property {Change[]} [changes]
 * @property {number} [message]
 * @property {string} [filter]
 */

/** @param {string} hash @returns {Route} */
export function parseRoute(hash) {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const message = whole(query.get("message"));
  const filter = query.get("filter") ?? undefined;
  const scenario = query.get("run");
  if (query.has("course")) return { view: "course" };
  if (!scenario) return { view: "live", message, filter };
  const changes = parseChanges(query.get("changes"));
  return { view: "run", scenario, seed: whole(query.get("seed")), changes, message, filter };
}

/** @param {Route} route @returns {string} */
export function formatRoute(route) {
  if (route.view === "course") return "#course";
  const query = new URLSearchParams();
  if (route.view === "run" && route.scenario) {
    query.set("run", route.scenario);
    if (route.seed !== undefined) query.set("seed", String(route.seed));
    if (route.changes?.length) query.set("changes", JSON.stringify(route.changes));
  }
  if (route.message) query.set("message", String(route.message));
  if (route.filter) query.set("filter", route.filter);
  return `#${query}`;
}

/** @param {string | null} text */
function whole(text) {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** @param {string | null} text @returns {Change[]} */
function parseChanges(text) {
  try {
    const value = JSON.parse(text ?? "[]");
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
