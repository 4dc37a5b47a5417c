// Live: a question to ask from any host, and the same as a command.

import { h } from "../base/dom.js";
import { effect, signal } from "../base/signal.js";
import { either, t } from "../base/i18n.js";
import * as api from "../model/api.js";
import * as store from "../model/store.js";

const TYPES = ["A", "AAAA", "MX", "NS", "CNAME", "TXT", "SOA", "PTR", "ANY"];
/** The name of a lab that was given none. */
const USUAL_NAME = "lab";
/** How long a word of success stays. */
const TOAST_MS = 2500;

const answer = signal("");
const asking = signal(false);

export function tryPanel() {
  return h("div", { class: "try" },
    h("p", { class: "lead" }, () => t("try_lead")),
    queryForm(), () => answer.get() && h("pre", { class: "answer", tabindex: "0" }, answer.get()),
    h("h3", {}, () => t("try_shell")),
    h("ul", { class: "commands" }, () => [
      `capa7 lab exec ${which()}-- dig www.urosario.edu.co`,
      `capa7 lab exec ${which()}-- dig +trace gaia.cs.umass.edu`,
      `capa7 lab exec ${which()}--as aula1 -- python3 server.py`,
      `capa7 lab pcap ${which()}- | wireshark -k -i -`,
    ].map(command)),
    h("h3", {}, () => t("try_story")),
    h("ul", { class: "links" }, () => store.scenarios.get().slice(0, 6).map(({ id, title }) =>
      h("li", {}, h("a", { href: `#run=${id}` }, either(title) || id)))));
}

/** How a command finds this lab, where its name is not the usual one. */
function which() {
  const name = store.status.get()?.name ?? USUAL_NAME;
  return name === USUAL_NAME ? "" : `--name ${name} `;
}

/** @param {string} text */
function command(text) {
  return h("li", {}, h("button", {
    type: "button", class: "command", title: () => t("copy"),
    onclick: () => copy(text),
  }, h("code", {}, text)));
}

/** Puts a text into the clipboard and says so. @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say(t("copied"));
  } catch {
    say(t("copy_denied"));
  }
}

/** @param {string} text */
export function say(text) {
  store.toast.set(text);
  setTimeout(() => store.toast.peek() === text && store.toast.set(""), TOAST_MS);
}

function queryForm() {
  const hosts = h("select", { name: "host", id: "try-host" });
  effect(() => {
    const clients = store.world.get().hosts.filter((host) => host.tier === "client");
    const before = hosts.value;
    hosts.replaceChildren(...clients.map(({ name, person, label }) =>
      h("option", { value: name }, person ? `${person} · ${name}` : label)));
    if (clients.some(({ name }) => name === before)) hosts.value = before;
  });
  const name = h("input", {
    name: "name", id: "try-name", value: "www.urosario.edu.co", autocomplete: "off",
    spellcheck: "false", required: true,
  });
  const type = h("select", { name: "type", id: "try-type" },
    TYPES.map((text) => h("option", {}, text)));
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    asking.set(true);
    try {
      const query = { from: hosts.value, name: name.value.trim(), type: type.value };
      const result = await api.act({ query });
      answer.set(result.text);
      if (result.event) store.selected.set(result.event);
    } catch (error) {
      answer.set("");
      store.complain(error);
    } finally {
      asking.set(false);
    }
  };
  return h("form", { class: "form", onsubmit: submit },
    h("label", { for: "try-host" }, () => t("try_from")), hosts,
    h("label", { for: "try-name" }, () => t("try_name")),
    h("span", { class: "pair" }, name,
      h("label", { for: "try-type", class: "unseen" }, () => t("try_type")), type),
    h("button", { type: "submit", class: "primary", disabled: asking.get },
      () => t(asking.get() ? "asking" : "ask")));
}
