// The way in.

import { h } from "../base/dom.js";
import { icon } from "../base/icons.js";
import { signal } from "../base/signal.js";
import { t } from "../base/i18n.js";
import * as api from "./api.js";
import { writing } from "./compose.js";
import { settings } from "./head.js";
import * as store from "./store.js";

export function loginView() {
  const trouble = signal("");
  const busy = signal(false);
  const user = h("input", {
    id: "user", name: "user", autocomplete: "username", autocapitalize: "none",
    spellcheck: "false", required: true, autofocus: true,
  });
  const password = h("input", {
    id: "password", name: "password", type: "password", autocomplete: "current-password",
    required: true,
  });
  /** @param {Event} event */
  const submit = async (event) => {
    event.preventDefault();
    if (busy.peek()) return;
    busy.set(true);
    trouble.set("");
    try {
      store.session.set(await api.logIn(user.value, password.value));
    } catch (error) {
      const refusal = /** @type {api.Refusal} */ (error);
      trouble.set(t(`error_${refusal.key ?? "unknown"}`, { detail: refusal.message }));
      busy.set(false);
      password.value = "";
      password.focus();
    }
  };
  return h("main", { class: "login" },
    h("div", { class: "login-settings" }, settings()),
    h("form", { class: "login-card", onsubmit: submit },
      h("span", { class: "mark" }, icon("message", 26)),
      h("h1", {}, () => t("title")),
      h("p", { class: "lead" }, () => t(!store.over.get() ? "login_lead"
        : writing.get() ? "login_over_writing" : "login_over")),
      h("label", { for: "user" }, () => t("user")), user,
      h("label", { for: "password" }, () => t("password")), password,
      h("p", { class: "login-trouble", role: "alert" }, () => trouble.get()),
      h("button", { class: "primary", type: "submit", disabled: () => busy.get() },
        () => t(busy.get() ? "logging_in" : "log_in"))));
}
