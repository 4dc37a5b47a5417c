// What an event says on one line, in the reader's language. What the standards name
// stays as it is; the words of our own are few, and each has a text.

import { t } from "../base/i18n.js";
import { reason } from "./store.js";

/** @typedef {import("./types.js").EventView} EventView */

/** Our words in the short text of a message, each with the key of its text. */
const OURS = /** @type {[RegExp, string][]} */ ([
  [/^referral(?=:|$)/, "words_referral"],
  [/^no question$/, "words_no_question"],
  [/^no (?=[A-Z0-9-]+$)/, "words_no"],
  [/^truncated$/, "words_truncated"],
  [/^malformed$/, "words_malformed"],
  [/^message of (\d+) octets/, "words_message"],
  [/^credentials(?=:)/, "words_credentials"],
  [/^response(?=:)/, "words_response"],
  [/\(\+(\d+) lines\)$/, "words_more_lines"],
  [/^(\d+) octets more$/, "words_more_octets"],
  [/^(\d+) bytes of a stream$/, "words_stream"],
]);

/** @param {EventView} event */
export function words(event) {
  const plain = event.summary || event.kind || "";
  if (event.type === "note") return reason(event) || plain;
  if (event.type === "connection") return t(`words_connection_${event.kind}`);
  for (const [ours, key] of OURS) {
    if (ours.test(plain)) return plain.replace(ours, (_, count) => t(key, { count }));
  }
  return plain;
}
