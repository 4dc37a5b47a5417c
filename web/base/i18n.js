// Texts in the reader's language, from text/en.json and text/es.json.

import { signal } from "./signal.js";
import { recall, remember } from "./storage.js";

/** @typedef {"en" | "es"} Language */

/** @type {Record<Language, Record<string, string>>} */
const texts = { en: {}, es: {} };

const first = navigator.language.toLowerCase().startsWith("es") ? "es" : "en";

/** The language shown. */
export const language = signal(/** @type {Language} */ (recall("language", first, ["en", "es"])));

/** Loads both languages: switching must not wait. */
export async function loadTexts() {
  const names = /** @type {Language[]} */ (["en", "es"]);
  await Promise.all(names.map(async (name) => {
    const answer = await fetch(`/text/${name}.json`);
    texts[name] = await answer.json();
  }));
}

/** @param {Language} name */
export function setLanguage(name) {
  remember("language", name);
  document.documentElement.lang = name;
  language.set(name);
}

/**
 * The text of `key`, `{name}` replaced by values. A key without text shows itself, so
 * that it is seen and mended.
 * @param {string} key @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = texts[language.get()][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Whether a text exists. @param {string} key */
export const known = (key) => key in texts[language.get()];

/**
 * One of a pair of texts that the server sent in both languages.
 * @param {{ en?: string, es?: string } | string | null | undefined} pair
 */
export function either(pair) {
  if (typeof pair === "string") return pair;
  return pair?.[language.get()] ?? pair?.en ?? "";
}
