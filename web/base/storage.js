// What the page remembers between visits: language, theme, sizes. Losing it is no harm.

const PREFIX = "capa7.";

/**
 * @param {string} name @param {string} fallback @param {string[]} [allowed]
 * @returns {string}
 */
export function recall(name, fallback, allowed) {
  try {
    const value = localStorage.getItem(PREFIX + name);
    if (value !== null && (!allowed || allowed.includes(value))) return value;
  } catch {
    // Storage may be denied by the browser's settings.
  }
  return fallback;
}

/** @param {string} name @param {string} value */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // As above: the choice then lasts as long as the page.
  }
}
