// The three panes of a message and the light that joins them.

import { h } from "../base/dom.js";
import { either, t } from "../base/i18n.js";
import { icon } from "../base/icons.js";

/** @import { Field, MessageView } from "../model/types.js" */

const BYTES_PER_LINE = 8;
/** Bytes shown at first; a long message is opened by a button. */
const BYTES_MAX = 1024;
/** Values shorter than this are not looked for in the sentence. */
const MARK_MIN = 3;
/** Deeper fields, and those with more parts, are folded at first. */
const OPEN_DEPTH = 1;
const OPEN_PARTS_MAX = 7;

/** Lights up a field: everything with its range. @param {Element | null} root
 * @param {number} start @param {number} end */
function light(root, start, end) {
  const article = root?.closest(".message-view");
  if (!article) return;
  for (const lit of article.querySelectorAll(".lit")) lit.classList.remove("lit");
  if (end <= start) return;
  for (const byte of article.querySelectorAll("[data-byte]")) {
    const at = Number(byte.getAttribute("data-byte"));
    if (at >= start && at < end) byte.classList.add("lit");
  }
  const range = `${start}-${end}`;
  for (const part of article.querySelectorAll(`[data-range="${range}"]`)) {
    part.classList.add("lit");
    if (part.tagName === "TR" && part.matches(".hex-line *") === false) reveal(part);
  }
}

/** @param {Element} row */
function reveal(row) {
  if (row instanceof HTMLElement && !row.matches(":hover")) {
    row.scrollIntoView({ block: "nearest" });
  }
}

/** @param {Event} event */
function unlight(event) {
  light(/** @type {Element} */ (event.currentTarget), 0, 0);
}

/** @param {Event} event */
function lightRange(event) {
  const part = /** @type {Element} */ (event.target).closest("[data-range]");
  if (!part) return;
  const [start, end] = (part.getAttribute("data-range") ?? "0-0").split("-").map(Number);
  light(part, start, end);
}

/** What it means: a sentence in which the fields' values are joined to their bytes.
 * @param {MessageView} view */
export function meaningPane(view) {
  const sentence = either(view.meaning);
  return h("section", { class: "pane-meaning", "aria-label": t("meaning") },
    h("p", { class: "meaning", onpointerover: lightRange, onpointerleave: unlight },
      marked(sentence, flat(view.fields))),
    view.source && h("p", { class: "source-line" }, view.source));
}

/** @param {Field[]} fields @returns {Field[]} */
function flat(fields) {
  return fields.flatMap((field) => [field, ...flat(field.children)]);
}

/** @param {string} sentence @param {Field[]} fields */
function marked(sentence, fields) {
  /** @type {{ at: number, text: string, field: Field }[]} */
  const found = [];
  const taken = (/** @type {number} */ at, /** @type {number} */ length) =>
    found.some((mark) => at < mark.at + mark.text.length && mark.at < at + length);
  const values = fields.filter(({ children }) => children.length === 0)
    .map((field) => ({ field, text: field.value.replace(/(.)\.$/, "$1") }))
    .filter(({ text }) => text.length >= MARK_MIN)
    .sort((a, b) => b.text.length - a.text.length);
  for (const { field, text } of values) {
    const at = sentence.indexOf(text);
    if (at >= 0 && !taken(at, text.length)) found.push({ at, text, field });
  }
  found.sort((a, b) => a.at - b.at);
  /** @type {(string | Node)[]} */
  const parts = [];
  let from = 0;
  for (const { at, text, field } of found) {
    parts.push(sentence.slice(from, at), h("b", {
      class: "value", "data-range": `${field.start}-${field.end}`,
    }, text));
    from = at + text.length;
  }
  parts.push(sentence.slice(from));
  return parts;
}

/** @param {MessageView} view */
export function fieldsPane(view) {
  const body = h("tbody", { onpointerover: lightRange, onpointerleave: unlight,
    onfocusin: lightRange, onfocusout: unlight });
  body.append(...view.fields.flatMap((field) => fieldRows(field, 0)));
  return h("section", { class: "pane-fields" },
    h("h4", {}, t("fields")),
    h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t("fields"),
      onkeydown: fieldKey },
      h("table", { class: "fields" }, h("caption", { class: "unseen" }, t("fields")), body)));
}

/** The arrows go from field to field, open what has parts and fold it.
 * @param {KeyboardEvent} event */
function fieldKey(event) {
  const box = /** @type {Element} */ (event.currentTarget);
  const rows = /** @type {HTMLElement[]} */ ([...box.querySelectorAll("tr.field:not([hidden])")]);
  const here = document.activeElement?.closest("tr.field");
  const at = rows.findIndex((row) => row === here);
  const next = ({ ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 })[event.key];
  if (next !== undefined) {
    rows[Math.max(0, Math.min(next, rows.length - 1))]?.focus();
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const wanted = event.key === "ArrowRight" ? "false" : "true";
    /** @type {HTMLElement | null | undefined} */
    (here?.querySelector(`button.twist[aria-expanded="${wanted}"]`))?.click();
  } else {
    return;
  }
  event.preventDefault();
}

/** @param {Field} field @param {number} depth @returns {HTMLTableRowElement[]} */
function fieldRows(field, depth) {
  const parts = field.children.flatMap((part) => fieldRows(part, depth + 1));
  const open = depth < OPEN_DEPTH && field.children.length <= OPEN_PARTS_MAX;
  const name = h("span", { class: "field-name" }, field.name);
  const twist = parts.length > 0 ? h("button", {
    type: "button", class: "twist", "aria-expanded": String(open),
    "aria-label": t("parts_of", { name: field.name }),
    onclick: () => setOpen(row, parts, twist?.getAttribute("aria-expanded") !== "true"),
  }, icon("right", 11)) : null;
  const row = h("tr", {
    class: `field depth-${Math.min(depth, 5)}`, "data-range": `${field.start}-${field.end}`,
    "data-field": field.name, title: field.source || null, tabindex: "-1",
  }, h("th", { scope: "row" }, twist ?? h("span", { class: "twist" }), name),
  h("td", {}, field.value, field.source && h("small", { class: "field-source" }, field.source)));
  setOpen(row, parts, open);
  return [row, ...parts];
}

/** @param {HTMLElement} row @param {HTMLElement[]} parts @param {boolean} open */
function setOpen(row, parts, open) {
  row.querySelector("button.twist")?.setAttribute("aria-expanded", String(open));
  let shut = 99;
  for (const part of parts) {
    const depth = depthOf(part);
    if (depth <= shut) shut = 99;
    part.hidden = !open || depth > shut;
    const twist = part.querySelector("button.twist");
    if (open && depth <= shut && twist?.getAttribute("aria-expanded") === "false") shut = depth;
  }
}

/** @param {Element} row */
function depthOf(row) {
  return Number(/depth-(\d)/.exec(row.className)?.[1] ?? 0);
}

/** @param {MessageView} view */
export function bytesPane(view) {
  const bytes = view.bytes.match(/../g) ?? [];
  const fields = flat(view.fields);
  const lines = h("div", { class: "hex", tabindex: "0", role: "group", "aria-label": t("bytes"),
    onpointerover: (/** @type {Event} */ event) => lightByte(event, fields),
    onpointerleave: unlight });
  const show = (/** @type {number} */ count) => {
    lines.replaceChildren(...hexLines(bytes.slice(0, count)));
  };
  show(BYTES_MAX);
  const more = bytes.length > BYTES_MAX && h("button", {
    type: "button", class: "quiet", onclick: (/** @type {any} */ event) => {
      show(bytes.length);
      event.target.remove();
    },
  }, t("all_bytes", { count: bytes.length }));
  return h("section", { class: "pane-bytes" },
    h("h4", {}, t("bytes"), h("small", {}, ` ${bytes.length}`)), lines, more);
}

/** The deepest field that holds the byte. @param {Event} event @param {Field[]} fields */
function lightByte(event, fields) {
  const byte = /** @type {Element} */ (event.target).closest("[data-byte]");
  if (!byte) return;
  const at = Number(byte.getAttribute("data-byte"));
  let best = null;
  for (const field of fields) {
    const inside = at >= field.start && at < field.end;
    if (inside && (!best || field.end - field.start <= best.end - best.start)) best = field;
  }
  if (best) light(byte, best.start, best.end);
}

/** @param {string[]} bytes */
function hexLines(bytes) {
  /** @type {Node[]} */
  const lines = [];
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    const part = bytes.slice(at, at + BYTES_PER_LINE);
    lines.push(h("div", { class: "hex-line" },
      h("span", { class: "offset" }, at.toString(16).padStart(4, "0")),
      h("span", { class: "hex-bytes" }, part.map((byte, index) =>
        h("span", { "data-byte": at + index }, byte))),
      h("span", { class: "hex-text", "aria-hidden": "true" }, part.map((byte, index) =>
        h("span", { "data-byte": at + index }, printable(byte))))));
  }
  return lines;
}

/** @param {string} byte */
function printable(byte) {
  const code = parseInt(byte, 16);
  return code > 0x20 && code < 0x7f ? String.fromCharCode(code) : "·";
}
