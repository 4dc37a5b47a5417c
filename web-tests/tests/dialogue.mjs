// The dialogue of one connection, with the answers of each protocol explained.

import assert from "node:assert/strict";
import { fitsItsWindow } from "../tools.mjs";

const IMAP = (event) => event.fields?.command === "SEARCH";
const POP3 = (event) => event.fields?.command === "UIDL";
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** Opens the dialogue of the first connection of a run with a message that passes a filter. */
async function openDialogue(page, base, filter, options = {}) {
  const told = await (await fetch(new URL("/api/runs", base), {
    method: "POST", headers: { "Content-Type": "application/json", Origin: new URL(base).origin },
    body: JSON.stringify({ scenario: "mail-access" }),
  })).json();
  const found = told.events.find((event) => event.type === "message" && filter(event));
  const run = await page(`/#run=mail-access&message=${found.id}`,
    { reducedMotion: "reduce", ...options });
  await run.waitForSelector(".pane-bytes .hex-line", { state: "attached" });
  if (options.isMobile) {
    await run.locator(".tabs button", { hasText: /^(Message|Mensaje)$/ }).click();
  }
  await run.locator("#message .icon-button[aria-label*='this connection'], "
    + "#message .icon-button[aria-label*='esta conexión']").click();
  await run.waitForSelector(".dialogue li");
  return run;
}

/** What stands beside the server's line that contains `text`. */
const beside = async (run, text) => {
  const line = run.locator(".dialogue .says-server", { hasText: text }).first();
  return line.locator(".dialogue-meaning").textContent();
};

export default {
  "answers of IMAP are explained: status, code and news": async ({ page, shot, base }) => {
    const run = await openDialogue(page, base, IMAP);
    assert.match(await beside(run, "FETCH completed"), /done as asked/);
    assert.match(await beside(run, "* BYE"), /the server closes the connection/);
    assert.match(await beside(run, "* FLAGS"), /so many messages are in the mailbox/);
    const shown = await run.locator(".dialogue-meaning").allTextContents();
    assert.ok(shown.some((text) => text.includes("data of a message")), shown.join("\n"));
    assert.ok(!shown.some((text) => text.includes("imap_")), shown.join("\n"));
    await shot(run, "dialogue-imap");
  },

  "answers of POP3 are explained": async ({ page, shot, base }) => {
    const run = await openDialogue(page, base, POP3, { colorScheme: "light" });
    assert.match(await beside(run, "+OK"), /yes, done/);
    const bare = run.locator(".says-server:not(:has(.dialogue-meaning))");
    const loose = (await bare.allTextContents()).filter((text) => !text.includes("of a stream"));
    assert.deepEqual(loose, [], "each answer is explained");
    await shot(run, "dialogue-pop3-light");
  },

  "on a phone and in Spanish the explanations stand below each line": async (
    { page, shot, base },
  ) => {
    const run = await openDialogue(page, base, IMAP,
      { ...PHONE, locale: "es-CO", colorScheme: "light" });
    assert.match(await beside(run, "* BYE"), /el servidor cierra la conexión/);
    await fitsItsWindow(run);
    await shot(run, "dialogue-phone");
  },
};
