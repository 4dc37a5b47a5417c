// People, dates and sizes as a reader of mail writes them.

import { language, t } from "../base/i18n.js";

/** @import { Person } from "./api.js" */

/** @param {Person | undefined} person */
export const personName = (person) => person?.name || person?.address || t("nobody");

/** @param {Person[]} people */
export const names = (people) => people.map(personName).join(", ") || t("nobody");

/** `Andrea Muñoz <andrea@umass.edu>`. @param {Person} person */
export function full(person) {
  if (!person.name) return person.address;
  const plain = /^[\p{L}\p{N} .'-]+$/u.test(person.name);
  return `${plain ? person.name : JSON.stringify(person.name)} <${person.address}>`;
}

/**
 * The people of a line that somebody typed: `Andrea <andrea@umass.edu>, carlos@x.co`.
 * @param {string} text @returns {Person[]}
 */
export function parsePeople(text) {
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,;"])+/g) ?? [];
  return parts.map((part) => part.trim()).filter(Boolean).map((part) => {
    const found = /^(.*)<([^<>]+)>\s*$/.exec(part);
    if (!found) return { name: "", address: part };
    const name = found[1].trim().replace(/^"(.*)"$/, "$1").replace(/\\(.)/g, "$1");
    return { name, address: found[2].trim() };
  });
}

/** Whether an address can be one. @param {Person} person */
export const isAddress = (person) => /^[^\s@]+@[^\s@]+$/.test(person.address);

const locale = () => (language.get() === "es" ? "es-CO" : "en-GB");

/** A list's date: the time today, the day this year. @param {number} seconds */
export function shortDate(seconds) {
  const date = new Date(seconds * 1000);
  const now = new Date();
  const same = date.toDateString() === now.toDateString();
  /** @type {Intl.DateTimeFormatOptions} */
  let form = { day: "numeric", month: "short", year: "numeric" };
  if (same) form = { hour: "2-digit", minute: "2-digit" };
  else if (date.getFullYear() === now.getFullYear()) form = { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(locale(), form).format(date);
}

/** @param {number} seconds */
export const longDate = (seconds) => new Intl.DateTimeFormat(locale(), {
  weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit",
  minute: "2-digit",
}).format(new Date(seconds * 1000));

/** @param {number} bytes */
export function fileSize(bytes) {
  const form = (/** @type {number} */ value) =>
    new Intl.NumberFormat(locale(), { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
  if (bytes < 1000) return `${form(bytes)} B`;
  if (bytes < 1e6) return `${form(bytes / 1000)} KB`;
  return `${form(bytes / 1e6)} MB`;
}

/** The letters of a person's mark. @param {Person | undefined} person */
export function initials(person) {
  const words = personName(person).split(/[\s.@_-]+/).filter(Boolean);
  return ((words[0]?.[0] ?? "?") + (words.length > 1 && person?.name ? words[1][0] : ""))
    .toUpperCase();
}

/** A hue that stays a person's own. @param {Person | undefined} person */
export function hue(person) {
  let sum = 0;
  for (const letter of person?.address ?? "") sum = (sum * 31 + letter.charCodeAt(0)) % 360;
  return sum;
}
