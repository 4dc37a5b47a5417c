// Keys of the whole page. Each has a text for the list that `?` shows.

/** @typedef {{ keys: string[], text: string, run: () => void }} Binding */

/** @type {Binding[]} */
export const bindings = [];

/** @param {string[]} keys @param {string} text @param {() => void} run */
export function bind(keys, text, run) {
  bindings.push({ keys, text, run });
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.closest("input, textarea, select, [contenteditable], dialog[open]")) return;
  const onButton = target.closest("button, a, summary, [role=menuitem], [role=slider]");
  if (onButton && (event.key === " " || event.key === "Enter")) return;
  const found = bindings.find(({ keys }) => keys.includes(event.key));
  if (!found) return;
  event.preventDefault();
  found.run();
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
}
