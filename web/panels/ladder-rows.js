// One row of the ladder: an arrow, a decision, a told silence, a heading of a step.

import { s } from "../base/dom.js";
import { moment, span } from "../base/format.js";
import { fit, textWidth } from "../base/measure.js";
import { either, t } from "../base/i18n.js";
import { letter, roomClass } from "../model/rooms.js";
import * as store from "../model/store.js";
import { words } from "../model/words.js";

/** @import { EventView } from "../model/types.js" */
/** @import { Item } from "./ladder.js" */
/** @typedef {{ y: number, places: Map<number, number>, width: number }} Frame */

/** Heights and widths in pixels. */
export const ROW = 28;
export const HEAD = 36;
export const GUTTER = 62;
const LINE_Y = 20;
/** As in drawings.css. */
const LABEL_PX = 11;
const NOTE_PX = 10.5;
/** A label longer than this says no more. */
const LABEL_WIDTH_MAX = 380;
const HEAD_PX = 7;

/** @param {Item} item @param {(event: EventView) => void} choose */
export function arrow(item, choose) {
  const group = s("g", { class: "row" });
  const { event } = item;
  if (event) {
    group.setAttribute("id", `row-${event.id}`);
    group.setAttribute("role", "option");
    group.setAttribute("data-event", String(event.id));
    group.addEventListener("click", () => choose(event));
  }
  return group;
}

/** @param {Element} group @param {Item} item @param {Frame} frame */
export function fillRow(group, item, frame) {
  const { event } = item;
  const mishap = event ? store.log.peek().mishap(event.id)?.fate : undefined;
  const chosen = event !== undefined && event.id === store.selected.peek();
  const state = [frame.width, frame.places.size, chosen, item.kin, mishap,
    document.documentElement.lang].join();
  group.setAttribute("transform", `translate(0 ${frame.y})`);
  if (group.getAttribute("data-state") === state) return;
  group.setAttribute("data-state", state);
  if (item.step) group.replaceChildren(...stepRow(item, frame));
  else if (item.gap) group.replaceChildren(...gapRow(item.gap, frame));
  else if (event) fillEvent(group, event, { ...frame, chosen, kin: item.kin ?? false, mishap });
}

/** @param {Item} item @param {Frame} frame */
function stepRow({ step, number }, { width }) {
  const title = `${number} · ${either(step?.title)}`;
  return [
    s("rect", { class: "step-row", x: 0, y: 5, width, height: ROW - 8 }),
    s("text", { class: "step-row-text", x: 12, y: LINE_Y - 1 }, title),
  ];
}

/** @param {number} gap @param {Frame} frame */
function gapRow(gap, { width }) {
  return [
    s("line", { class: "gap-line", x1: GUTTER, x2: width - 12, y1: 15, y2: 15 }),
    s("text", { class: "gap-text", x: (GUTTER + width) / 2, y: 19 },
      t("later", { time: span(gap) })),
  ];
}

/**
 * @param {Element} group @param {EventView} event
 * @param {Frame & { chosen: boolean, kin: boolean, mishap: string | undefined }} frame
 */
function fillEvent(group, event, frame) {
  const names = ["row", roomClass(event.room), event.type, frame.chosen && "chosen",
    frame.kin && "kin", frame.mishap, event.malformed && "malformed"];
  group.setAttribute("class", names.filter(Boolean).join(" "));
  group.setAttribute("aria-selected", String(frame.chosen));
  const base = [
    s("rect", { class: "row-back", x: 4, y: 1, width: frame.width - 8, height: ROW - 2, rx: 5 }),
    s("text", { class: "row-time", x: GUTTER - 12, y: LINE_Y }, moment(event.at)),
  ];
  const x1 = frame.places.get(event.from ?? -1);
  const x2 = frame.places.get(event.to ?? -1);
  const body = event.type === "note" || x1 === undefined || x2 === undefined || x1 === x2
    ? selfMark(event, x1 ?? x2 ?? GUTTER + 14, frame) : line(event, x1, x2, frame);
  group.replaceChildren(...base, ...body, s("title", {}, spoken(event, frame.mishap)));
}

/** @param {EventView} event @param {string | undefined} mishap */
function spoken(event, mishap) {
  const from = store.hostLabel(event.from, event.from_addr);
  const ends = event.type === "note" ? from
    : `${from} → ${store.hostLabel(event.to, event.to_addr)}`;
  const fate = mishap ? `, ${t(`fate_${mishap}`)}` : "";
  return `${moment(event.at)} ${event.room} ${ends}: ${words(event)}${fate}`;
}

/**
 * @param {EventView} event @param {number} x1 @param {number} x2
 * @param {Frame & { mishap: string | undefined }} frame
 */
function line(event, x1, x2, frame) {
  const way = x2 > x1 ? 1 : -1;
  const lost = frame.mishap === "lost" || ["refused", "timed_out"].includes(event.kind ?? "");
  const end = lost ? x1 + (x2 - x1) * 0.7 : x2 - way * 2;
  const parts = [
    s("line", { class: "shaft", x1: x1 + way * 9, x2: end - (lost ? 0 : way * 4), y1: LINE_Y,
      y2: LINE_Y }),
    s("circle", { class: "badge", cx: x1, cy: LINE_Y, r: 7 }),
    s("text", { class: "badge-letter", x: x1, y: LINE_Y + 3.3 }, letter(event.room)),
  ];
  if (lost) {
    parts.push(s("path", { class: "lost-mark",
      d: `M${end - 4} ${LINE_Y - 4} l8 8 M${end + 4} ${LINE_Y - 4} l-8 8` }));
  } else {
    parts.push(s("path", { class: "arrow-head",
      d: `M${end} ${LINE_Y} l${-way * HEAD_PX} -4.2 v8.4 z` }));
  }
  parts.push(label(event, (x1 + x2) / 2, frame));
  return parts;
}

/** @param {EventView} event @param {number} middle
 * @param {Frame & { mishap: string | undefined }} frame */
function label(event, middle, frame) {
  const mark = frame.mishap && frame.mishap !== "lost" ? `${t(`fate_${frame.mishap}`)} · ` : "";
  const room = Math.min(frame.width - GUTTER - 8, LABEL_WIDTH_MAX);
  const text = fit(mark + words(event), room, LABEL_PX);
  const half = textWidth(text, LABEL_PX) / 2;
  const x = Math.max(GUTTER + half, Math.min(frame.width - 6 - half, middle));
  return s("text", { class: "row-label", x, y: LINE_Y - 7 }, text);
}

/** Something that a host said of itself. @param {EventView} event @param {number} x
 * @param {Frame} frame */
function selfMark(event, x, frame) {
  const said = words(event);
  const [right, left] = [frame.width - x - 18, x - GUTTER - 14];
  const toRight = right >= Math.min(textWidth(said, NOTE_PX), 260) || right >= left;
  const text = fit(said, toRight ? right : left, NOTE_PX);
  return [
    s("path", { class: "note-mark", d: `M${x} ${LINE_Y - 9} l5 5 l-5 5 l-5 -5 z` }),
    s("text", { class: `note-label ${toRight ? "right" : "left"}`, x: x + (toRight ? 10 : -10),
      y: LINE_Y - 0.5 }, text),
  ];
}
