// Small parts that several panels use: buttons, menus, dialogs.

import { h, refocused } from "./dom.js";
import { icon } from "./icons.js";
import { effect } from "./signal.js";
import { t } from "./i18n.js";

/** @import { Child } from "./dom.js" */

/**
 * A button with an icon; its name is read aloud and shown on hovering.
 * @param {string} image @param {string | (() => string)} text key of the text, or a function
 * @param {() => void} run @param {Record<string, any>} [more]
 */
export function iconButton(image, text, run, more = {}) {
  const name = typeof text === "string" ? () => t(text) : text;
  return h("button", {
    type: "button", class: "icon-button", "aria-label": name, title: name, onclick: run, ...more,
  }, icon(image));
}

/**
 * A button that opens a small panel below it; Escape and a click elsewhere close it, the
 * arrows go through what is in it.
 * @param {Record<string, any>} props @param {Child} face
 * @param {(close: () => void) => Child} content made when it opens, and again when what
 * it reads changes
 */
export function menu(props, face, content) {
  const panel = h("div", { class: "menu-panel", hidden: true });
  const button = h("button", {
    type: "button", class: "menu-button", ...props, "aria-expanded": "false",
    onclick: () => (panel.hidden ? open() : close()),
  }, face);
  const box = h("div", { class: "menu" }, button, panel);
  const outside = (/** @type {Event} */ event) => {
    if (!box.contains(/** @type {Node} */ (event.target))) close();
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") {
      close();
    } else if (!walk(panel, event.key)) {
      return;
    }
    // The keys are the menu's as long as it is open.
    event.preventDefault();
  };
  let end = () => {};
  function open() {
    end = effect(() => {
      const made = h("div", {}, content(close));
      refocused([...panel.children], () => {
        panel.replaceChildren(made);
        return [made];
      });
      if (!panel.hidden) keepInside(panel);
    });
    panel.hidden = false;
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside);
    box.addEventListener("keydown", onKey);
    keepInside(panel);
  }
  function close() {
    // What had the focus goes away with the panel.
    if (panel.contains(document.activeElement)) button.focus();
    end();
    panel.hidden = true;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside);
    box.removeEventListener("keydown", onKey);
  }
  return box;
}

/** Moves the focus among what can be chosen in a panel; whether the key does that.
 * @param {HTMLElement} panel @param {string} key */
function walk(panel, key) {
  const items = /** @type {HTMLElement[]} */ ([...panel.querySelectorAll("a, button")]);
  const here = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const next = ({ ArrowDown: here + 1, ArrowUp: here < 0 ? items.length - 1 : here - 1, Home: 0,
    End: items.length - 1 })[key];
  if (next === undefined) return false;
  items[Math.max(0, Math.min(next, items.length - 1))]?.focus();
  return true;
}

/** Moves a panel that would leave the window back into it. @param {HTMLElement} panel */
function keepInside(panel) {
  panel.style.removeProperty("translate");
  const { left, right } = panel.getBoundingClientRect();
  const over = right - document.documentElement.clientWidth + 8;
  if (over > 0) panel.style.setProperty("translate", `${-Math.min(over, left - 8)}px 0`);
  else if (left < 8) panel.style.setProperty("translate", `${8 - left}px 0`);
}

/**
 * A dialog over the page, removed when it closes.
 * @param {string} title @param {Child} content
 */
export function dialog(title, content) {
  const box = h("dialog", { class: "dialog", "aria-label": title, onclose: () => box.remove() },
    h("header", {}, h("h2", {}, title), iconButton("close", "close", () => box.close())),
    h("div", { class: "dialog-body", tabindex: "0" }, content));
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * A panel: a section with a heading.
 * @param {string} name class and id
 * @param {string | (() => string)} title key of its text, or a function
 * @param {Child} tools right of the heading @param {...Child} content
 */
export function panel(name, title, tools, ...content) {
  return h("section", {
    class: `panel ${name}`, id: name, "aria-labelledby": `${name}-title`, tabindex: "-1",
  },
    h("header", { class: "panel-head" },
      h("h2", { id: `${name}-title` }, () => t(typeof title === "string" ? title : title())),
      h("div", { class: "panel-tools" }, tools)),
    ...content);
}

/** The sentence of an empty panel: what will appear, and how to make it appear.
 * @param {() => Child} text */
export const empty = (text) => h("p", { class: "empty" }, /** @type {any} */ (text));

/** Scrolls `body`, and nothing else, until `part` is seen.
 * @param {Element} body @param {Element} part */
export function keepInView(body, part) {
  const [outer, inner] = [body.getBoundingClientRect(), part.getBoundingClientRect()];
  if (inner.top < outer.top) body.scrollTop += inner.top - outer.top;
  else if (inner.bottom > outer.bottom) body.scrollTop += inner.bottom - outer.bottom;
}
