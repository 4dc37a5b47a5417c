// Elements and keyed lists. Nothing here knows the lab.
//
//   h / s          an HTML / SVG element; a function as attribute or child stays live
//   refocused      makes a part anew without taking the focus from who works in it
//   reconcile      makes an element's children match a list, keeping what stays

import { effect } from "./signal.js";

/** @typedef {Node | string | number | boolean | null | undefined} Plain */
/** @typedef {Plain | (() => Plain | Plain[]) | Child[]} Child */

/** @param {Element} element @param {string} name @param {any} value */
function setAttribute(element, name, value) {
  if (name === "class" && Array.isArray(value)) value = value.filter(Boolean).join(" ");
  if (name in element && (name === "value" || name === "checked" || name === "indeterminate")) {
    /** @type {any} */ (element)[name] = value;
  } else if (value === false || value === null || value === undefined) {
    element.removeAttribute(name);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @param {Element} element
 * @param {Record<string, any>} props `onclick` and the like listen; `style` takes an object
 */
export function assign(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (name === "style") {
      const style = /** @type {HTMLElement} */ (element).style;
      for (const [property, part] of Object.entries(value)) {
        const put = (/** @type {any} */ text) => style.setProperty(property, String(text));
        if (typeof part === "function") effect(() => put(part()));
        else put(part);
      }
    } else if (typeof value === "function") {
      effect(() => setAttribute(element, name, value()));
    } else {
      setAttribute(element, name, value);
    }
  }
}

/** @param {Plain | Plain[]} content @returns {Node[]} */
function nodes(content) {
  if (Array.isArray(content)) return content.flatMap(nodes);
  if (content === null || content === undefined || typeof content === "boolean") return [];
  return [content instanceof Node ? content : document.createTextNode(String(content))];
}

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

/** @param {Node[]} parts @returns {HTMLElement[]} what can have the focus in them, in order */
function focusable(parts) {
  const inside = parts.flatMap((part) => (part instanceof Element
    ? [part, ...part.querySelectorAll("*")].filter((inner) => inner.matches(FOCUSABLE)) : []));
  return /** @type {HTMLElement[]} */ (inside);
}

/** What an element stands for, whatever language it speaks. @param {Element} element */
const meaning = (element) => [element.tagName, element.id, element.getAttribute("href"),
  element.getAttribute("name"), element.getAttribute("class"),
  JSON.stringify(/** @type {HTMLElement} */ (element).dataset)].join(" ");

/**
 * Makes parts of the page anew. Who had the focus in what goes away has it afterwards in what
 * stands for the same: the same meaning, or the same place among as many. Else it would fall to
 * the page, and the next key would do something else.
 * @param {Node[]} before what goes away @param {() => Node[]} make puts the new parts
 * @returns {Node[]} the new parts
 */
export function refocused(before, make) {
  const active = document.activeElement;
  const old = before.some((part) => part.contains(active)) ? focusable(before) : [];
  const at = old.findIndex((element) => element === active);
  const after = make();
  if (at < 0 || document.activeElement === active) return after;
  const next = focusable(after);
  const [gone, wanted] = [old[at], meaning(old[at])];
  const nth = old.filter((element) => meaning(element) === wanted).indexOf(gone);
  const alike = next.filter((element) => meaning(element) === wanted);
  const there = next.length === old.length && next[at].tagName === gone.tagName ? next[at] : null;
  (next.includes(gone) ? gone : alike[nth] ?? there)?.focus({ preventScroll: true });
  return after;
}

/** @param {Element | DocumentFragment} parent @param {Child} child */
export function append(parent, child) {
  if (Array.isArray(child)) {
    child.forEach((part) => append(parent, part));
  } else if (typeof child === "function") {
    const anchor = document.createComment("");
    parent.append(anchor);
    /** @type {Node[]} */
    let shown = [];
    effect(() => {
      const next = nodes(child());
      shown = refocused(shown, () => {
        shown.forEach((node) => node.parentNode?.removeChild(node));
        next.forEach((node) => anchor.parentNode?.insertBefore(node, anchor));
        return next;
      });
    });
  } else {
    parent.append(...nodes(child));
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Record<string, any>} [props] @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  assign(element, props);
  append(element, children);
  return element;
}

/**
 * @param {string} tag @param {Record<string, any>} [props] @param {...Child} children
 * @returns {SVGElement}
 */
export function s(tag, props = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  assign(element, props);
  append(element, children);
  return element;
}

/** @type {WeakMap<Element, Map<any, Element>>} */
const kept = new WeakMap();

/**
 * Makes the children of `parent` those of `items`, in order, keeping elements by key.
 * `make` starts no effects: nobody would end them; what changes is put by `update`.
 * @template T
 * @param {Element} parent @param {Iterable<T>} items @param {(item: T) => any} key
 * @param {(item: T) => Element} make @param {(element: any, item: T) => void} [update]
 */
export function reconcile(parent, items, key, make, update) {
  const before = kept.get(parent) ?? new Map();
  const list = [...items];
  const keys = new Set(list.map(key));
  for (const [id, element] of before) if (!keys.has(id)) element.remove();
  /** @type {Map<any, Element>} */
  const after = new Map();
  let place = parent.firstChild;
  for (const item of list) {
    const id = key(item);
    const element = before.get(id) ?? make(item);
    after.set(id, element);
    update?.(element, item);
    if (element === place) place = element.nextSibling;
    else parent.insertBefore(element, place);
  }
  kept.set(parent, after);
}
