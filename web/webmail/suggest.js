// Whom one has read or written: offered while an address is typed.

import { h } from "../base/dom.js";
import { effect, signal } from "../base/signal.js";
import { full } from "./words.js";

/** @import { Person } from "./api.js" */

/** By address; those met last are at the end. @type {Map<string, Person>} */
const known = new Map();
/** People remembered, and offered at a time. */
const [KNOWN_MAX, OFFERED_MAX] = [2000, 6];

/** Remembers people. @param {Person[]} people */
export function meet(people) {
  for (const person of people) {
    const key = person.address.toLowerCase();
    const named = person.name ? person : known.get(key) ?? person;
    known.delete(key);
    known.set(key, named);
  }
  for (const key of known.keys()) {
    if (known.size <= KNOWN_MAX) break;
    known.delete(key);
  }
}

/** Another user has other acquaintances. */
export const forget = () => known.clear();

/** Those whose address, or a word of whose name, begins so. @param {string} typed */
function matching(typed) {
  const begin = plain(typed.trim());
  if (begin === "") return [];
  const fits = (/** @type {Person} */ { name, address }) =>
    [address, name, ...name.split(/[\s"'(]+/)].some((word) => plain(word).startsWith(begin));
  return [...known.values()].reverse().filter(fits).slice(0, OFFERED_MAX);
}

/** Whoever types `mun` means Muñoz. @param {string} text */
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** What is typed of the last address of a line. @param {string} text */
const last = (text) => /[^,;]*$/.exec(text)?.[0] ?? "";

/**
 * A line for addresses with what is offered below it (WAI-ARIA, combobox).
 * @param {HTMLInputElement} input
 */
export function withSuggestions(input) {
  const offered = signal(/** @type {Person[]} */ ([]));
  const at = signal(-1);
  const list = h("ul", { class: "offered", role: "listbox", id: `${input.id}-offered`,
    "aria-label": () => input.labels?.[0]?.textContent ?? input.id, hidden: true });
  const close = () => offered.set([]);
  /** @param {Person} person */
  function take(person) {
    const before = input.value.slice(0, input.value.length - last(input.value).length).trimEnd();
    input.value = `${before}${before ? " " : ""}${full(person)}, `;
    close();
    input.dispatchEvent(new Event("input"));
    input.focus();
  }
  const stop = effect(() => {
    const people = offered.get();
    list.hidden = people.length === 0;
    input.setAttribute("aria-expanded", String(people.length > 0));
    list.replaceChildren(...people.map((person, index) => h("li", {
      role: "option", id: `${input.id}-offered-${index}`, class: "offer",
      "aria-selected": String(index === at.get()),
      onpointerdown: (/** @type {Event} */ event) => {
        event.preventDefault();
        take(person);
      },
    }, h("b", {}, person.name || person.address), person.name && h("span", {}, person.address))));
    if (at.get() < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", `${input.id}-offered-${at.get()}`);
  });
  const set = { role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id };
  for (const [name, value] of Object.entries(set)) input.setAttribute(name, value);
  input.addEventListener("input", () => {
    at.set(-1);
    offered.set(matching(last(input.value)));
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const people = offered.peek();
    if (people.length === 0 || event.ctrlKey || event.metaKey) return;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      const next = at.peek() < 0 && by < 0 ? people.length - 1 : at.peek() + by;
      at.set((next + people.length) % people.length);
    } else if (event.key === "Escape") {
      close();
    } else if (event.key === "Enter" || (event.key === "Tab" && at.peek() >= 0)) {
      take(people[Math.max(0, at.peek())]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
  return { list, stop };
}
