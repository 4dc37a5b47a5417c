// What an event says on one line, in the reader's language. What the standards name
// stays as it is; the words of our own are few, and each has a text.

import { t } from "../base/i18n.js";
import { reason } from "./store.js";

/** @typedef {import("./types.js").EventView} EventView */

/** Our words at the beginning of a message's short text, each with the key of its text. */
const BEGINNINGS = /** @type {[RegExp, string][]} */ ([
  [/^referral(?=:|$)/, "words_referral"],
  [/^no question$/, "words_no_question"],
  [/^no (?=[A-Z0-9-]+$)/, "words_no"],
  [/^truncated$/, "words_truncated"],
  [/^malformed$/, "words_malformed"],
  [/^message of (\d+) octets/, "words_message"],
  [/^credentials(?=:)/, "words_credentials"],
  [/^response(?=:)/, "words_response"],
  [/^(\d+) octets more$/, "words_more_octets"],
  [/^(\d+) bytes of a stream$/, "words_stream"],
  [/^not HTTP$/, "words_not_http"],
]);

/** And at its end. */
const ENDINGS = /** @type {[RegExp, string][]} */ ([
  [/\(\+(\d+) lines\)$/, "words_more_lines"],
  [/\(\+(\d+) more\)$/, "words_more"],
]);

/** @param {string} text @param {[RegExp, string][]} ours the first that fits holds */
function translated(text, ours) {
  const found = ours.find(([pattern]) => pattern.test(text));
  return found ? text.replace(found[0], (_, count) => t(found[1], { count })) : text;
}

/** A message's short text; it may have several endings. @param {string} text @returns {string} */
function ofMessage(text) {
  const at = text.lastIndexOf(" (");
  const ending = at < 0 ? "" : text.slice(at + 1);
  const turned = translated(ending, ENDINGS);
  const isOurs = ENDINGS.some(([pattern]) => pattern.test(ending));
  return isOurs ? `${ofMessage(text.slice(0, at))} ${turned}` : translated(text, BEGINNINGS);
}

/** @param {EventView} event */
export function words(event) {
  const plain = event.summary || event.kind || "";
  if (event.type === "note") return reason(event) || plain;
  if (event.type === "connection") return t(`words_connection_${event.kind}`);
  return ofMessage(plain);
}
