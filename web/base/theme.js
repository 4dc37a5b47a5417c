// Light or dark: what the system prefers until the reader chooses.

import { signal } from "./signal.js";
import { recall, remember } from "./storage.js";

const prefersLight = matchMedia("(prefers-color-scheme: light)");
const system = () => (prefersLight.matches ? "light" : "dark");

export const theme = signal(recall("theme", system(), ["light", "dark"]));

/** @param {string} name */
function show(name) {
  document.documentElement.dataset.theme = name;
  theme.set(name);
}

export function toggleTheme() {
  const next = theme.peek() === "dark" ? "light" : "dark";
  remember("theme", next);
  show(next);
}

export function startTheme() {
  show(theme.peek());
  prefersLight.addEventListener("change", () => show(recall("theme", system())));
}
