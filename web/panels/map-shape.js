// Where things are drawn on the map. Plain geometry: no state, no elements.

import { fit, textWidth } from "../base/measure.js";

/** @import { HostView, World } from "../model/types.js" */
/** @typedef {{ host: HostView, x: number, y: number, width: number, height: number,
 *  title: string, sub: string }} Card */

const PADDING_X = 14;
/** Right of the hosts stand the panel's buttons. */
const TOOLS_PX = 26;
/** Left of the hosts stand the names of the tiers. */
const TIER_NAMES_PX = 74;
const CARD_HEIGHT = 31;
const SMALL_HEIGHT = 21;
const CARD_WIDTH_MAX = 150;
const SMALL_WIDTH_MIN = 16;
/** As in drawings.css. */
const TITLE_PX = 11.5;
const TITLE_WEIGHT = 620;
const SMALL_PX = 10;
const SMALL_WEIGHT = 520;
const SUB_PX = 9;
/** A second line needs this much room. */
const SUB_ROOM_MIN = 76;
const GAP_PX = 4;
const EDGE_PX = 2;

/**
 * @param {World} world @param {number} width @param {number} height
 * @returns {Map<number, Card>}
 */
export function cards(world, width, height) {
  const placed = world.hosts.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  const levels = [...new Set(placed.map(({ y }) => y))].sort((a, b) => a - b);
  const names = width > 480 ? TIER_NAMES_PX : 0;
  const inner = width - names - 2 * PADDING_X - (width > 480 ? TOOLS_PX : 0);
  const between = levels.slice(1).map((y, index) => (y - levels[index]) * height);
  const tall = Math.min(...between, height) >= CARD_HEIGHT + 6;
  /** @type {Map<number, Card>} */
  const found = new Map();
  for (const level of levels) {
    const row = placed.filter(({ y }) => y === level).sort((a, b) => a.x - b.x);
    const room = inner / row.length - GAP_PX;
    for (const host of row) {
      const x = names + PADDING_X + host.x * inner;
      found.set(host.id, shape(host, x, level * height, room, tall, width));
    }
  }
  return found;
}

/**
 * @param {HostView} host @param {number} x @param {number} y @param {number} room
 * @param {boolean} tall @param {number} whole the width of the map @returns {Card}
 */
function shape(host, x, y, room, tall, whole) {
  const label = host.person ?? host.label;
  const second = host.person ? host.label : host.addresses[0] ?? "";
  const sub = tall && room > SUB_ROOM_MIN ? second : "";
  const [pixels, weight] = sub ? [TITLE_PX, TITLE_WEIGHT] : [SMALL_PX, SMALL_WEIGHT];
  const wanted = Math.max(textWidth(label, pixels, weight), textWidth(sub, SUB_PX)) + 16;
  const width = Math.max(SMALL_WIDTH_MIN, Math.min(room, wanted, CARD_WIDTH_MAX));
  const inner = width - (sub ? 8 : 3);
  // A card at the edge stays whole.
  const [least, most] = [width / 2 + EDGE_PX, whole - width / 2 - EDGE_PX];
  return {
    host, x: Math.max(least, Math.min(x, most)), y, width, height: sub ? CARD_HEIGHT : SMALL_HEIGHT,
    title: fit(label, inner, pixels, weight), sub: fit(sub, inner, SUB_PX),
  };
}

/** The curve between two cards, as two ends and two handles. @param {Card} a @param {Card} b */
function curve(a, b) {
  const [upper, lower] = a.y <= b.y ? [a, b] : [b, a];
  if (Math.abs(a.y - b.y) < 4) {
    const bow = Math.min(40, Math.abs(a.x - b.x) / 4);
    const y = a.y - a.height / 2;
    return { p: [a.x, y], q: [a.x, y - bow], r: [b.x, y - bow], z: [b.x, b.y - b.height / 2] };
  }
  const [top, bottom] = [upper.y + upper.height / 2, lower.y - lower.height / 2];
  const bend = Math.max(14, (bottom - top) * 0.5);
  const up = { p: [upper.x, top], q: [upper.x, top + bend], r: [lower.x, bottom - bend],
    z: [lower.x, bottom] };
  return upper === a ? up : { p: up.z, q: up.r, r: up.q, z: up.p };
}

/** @param {Card} a @param {Card} b */
export function edgePath(a, b) {
  const { p, q, r, z } = curve(a, b);
  return `M${p[0]} ${p[1]} C${q[0]} ${q[1]} ${r[0]} ${r[1]} ${z[0]} ${z[1]}`;
}

/** @param {Card} a @param {Card} b @param {number} share 0 at `a`, 1 at `b` */
export function pointOn(a, b, share) {
  const { p, q, r, z } = curve(a, b);
  const u = 1 - share;
  const [w0, w1, w2, w3] = [u * u * u, 3 * u * u * share, 3 * u * share * share, share ** 3];
  return {
    x: w0 * p[0] + w1 * q[0] + w2 * r[0] + w3 * z[0],
    y: w0 * p[1] + w1 * q[1] + w2 * r[1] + w3 * z[1],
  };
}
