// Icons, drawn on a grid of 24 with strokes in the colour of the text.

import { s } from "./dom.js";

/** @type {Record<string, string>} */
const PATHS = {
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M8 5.5v13M16 5.5v13",
  step: "M6 5.5v13l9-6.5zM18 5.5v13",
  back: "M18 5.5v13l-9-6.5zM6 5.5v13",
  start: "M19 5.5v13l-8-6.5zM11 5.5v13l-8-6.5z",
  end: "M5 5.5v13l8-6.5zM13 5.5v13l8-6.5z",
  close: "M6 6l12 12M18 6L6 18",
  down: "M6 9.5l6 6 6-6",
  right: "M9.5 6l6 6-6 6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M7 7l10 10M17 7L7 17",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2"
    + "M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  moon: "M19.5 14A8 8 0 0 1 10 4.5a8 8 0 1 0 9.5 9.5z",
  filter: "M4 6h16M7 12h10M10 18h4",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  link: "M10 14a4 4 0 0 0 6 .4l2.6-2.6a4 4 0 0 0-5.7-5.7L11.5 7.5"
    + "M14 10a4 4 0 0 0-6-.4l-2.6 2.6a4 4 0 0 0 5.7 5.7l1.4-1.4",
  bolt: "M13 3L5 13.5h6L10 21l8.5-11H12z",
  help: "M9 9a3 3 0 1 1 4.4 2.7c-.9.5-1.4 1-1.4 2.3M12 17.5v.01",
  table: "M4 6h16M4 12h16M4 18h16M10 6v12",
  map: "M6 7a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM18 7a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"
    + "M12 21a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7 6.8l4 10.4M17 6.8l-4 10.4M8 5h8",
  ladder: "M6 4v16M18 4v16M6 8h10M14 6l2 2-2 2M18 15H8M10 13l-2 2 2 2",
  tree: "M6 4v13h4M6 10h4M13 10h6M13 17h6M9 4h6",
  story: "M5 5h14M5 10h14M5 15h9M5 20h6",
  state: "M4 7c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 7v10c0 1.7 3.6 3 8 3s8-1.3 8-3V7"
    + "M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3",
  message: "M4 6h16v12H4zM4 7l8 6 8-6",
  course: "M3 8l9-4 9 4-9 4zM7 10.5V16c2.5 2 7.5 2 10 0v-5.5",
  live: "M12 13.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM8 8a5.6 5.6 0 0 0 0 8M16 8a5.6 5.6 0 0 1 0 8"
    + "M5 5a10 10 0 0 0 0 14M19 5a10 10 0 0 1 0 14",
  keys: "M3 7h18v10H3zM7 11v.01M11 11v.01M15 11v.01M8 14h8",
  send: "M4 12h15M13 6l6 6-6 6",
  again: "M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4",
};

/** More icons, for a page of its own. @param {Record<string, string>} more */
export function addIcons(more) {
  Object.assign(PATHS, more);
}

/**
 * @param {string} name @param {number} [pixels]
 * @returns {SVGElement}
 */
export function icon(name, pixels = 16) {
  return s(
    "svg",
    {
      class: "icon", width: pixels, height: pixels, viewBox: "0 0 24 24",
      "aria-hidden": "true", focusable: "false",
    },
    s("path", { d: PATHS[name] ?? PATHS.help }),
  );
}
