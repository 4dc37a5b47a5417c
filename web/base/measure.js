// How wide a text is when drawn, so that labels are cut where they must be.

const canvas = document.createElement("canvas").getContext("2d");
/** @type {Map<string, number>} */
const known = new Map();
/** Widths remembered. */
const KNOWN_MAX = 5000;
let family = "";

/** @param {string} text @param {number} pixels @param {number} [weight] */
export function textWidth(text, pixels, weight = 400) {
  const key = `${weight} ${pixels} ${text}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  if (!canvas) return text.length * pixels * 0.6;
  family ||= getComputedStyle(document.body).fontFamily;
  canvas.font = `${weight} ${pixels}px ${family}`;
  const width = canvas.measureText(text).width;
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(key, width);
  return width;
}

/**
 * The text, cut to fit with an ellipsis.
 * @param {string} text @param {number} room pixels @param {number} pixels
 * @param {number} [weight]
 */
export function fit(text, room, pixels, weight = 400) {
  if (textWidth(text, pixels, weight) <= room) return text;
  let [low, high] = [0, text.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (textWidth(`${text.slice(0, middle)}…`, pixels, weight) <= room) low = middle;
    else high = middle - 1;
  }
  // A letter says more than a letter with an ellipsis.
  return low > 1 ? `${text.slice(0, low).trimEnd()}…` : text.slice(0, 1);
}
