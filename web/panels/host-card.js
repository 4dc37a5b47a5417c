// A host, opened from the map: what it is, what it did, and what can be broken.

import { h } from "../base/dom.js";
import { number } from "../base/format.js";
import { t } from "../base/i18n.js";
import { iconButton } from "../base/widgets.js";
import { setFilter } from "../model/source.js";
import * as store from "../model/store.js";
import { faultButtons } from "./faults.js";
import { count } from "./map-table.js";

export function hostCard() {
  return h("div", { class: "host-card-place" }, () => {
    const host = store.hostsById.get().get(store.chosenHost.get());
    if (!host) return null;
    const seen = count().get(host.id);
    const side = host.x > 0.5 ? "host-card at-left" : "host-card";
    return h("section", { class: side, "aria-label": host.name },
      h("header", {}, h("h3", {}, host.name),
        iconButton("close", "close", () => store.chosenHost.set(-1))),
      h("dl", {},
        host.person && [h("dt", {}, t("col_person")), h("dd", {}, host.person)],
        h("dt", {}, t("col_address")), h("dd", { class: "mono" }, host.addresses.join(" ")),
        h("dt", {}, t("col_region")), h("dd", {}, [host.site, host.region].filter(Boolean)
          .join(" · ")),
        h("dt", {}, t("col_services")), h("dd", {}, host.services.join(", ") || "—"),
        h("dt", {}, t("col_messages")),
        h("dd", {}, t("sent_received", {
          sent: number(seen?.sent ?? 0), received: number(seen?.received ?? 0),
        }))),
      h("button", {
        type: "button", class: "quiet",
        onclick: () => setFilter(`host:"${host.name}"`).catch(store.complain),
      }, t("only_this_host")),
      h("h4", {}, t("break_host")),
      faultButtons(host.name, host.services));
  });
}
