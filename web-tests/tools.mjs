// What several tests do.

import assert from "node:assert/strict";

export const RUN = "/#run=dns-iterated";

/** Opens the scenario at its end, standing still. */
export async function openRun(open, options = {}) {
  const page = await open(RUN, { reducedMotion: "reduce", ...options });
  await page.waitForSelector(".steps .step", { state: "attached" });
  return page;
}

/** Holds requests to an address back until the function that it gives is called. */
export async function held(page, address) {
  let arrive = () => {};
  const late = new Promise((resolve) => {
    arrive = resolve;
  });
  await page.route(address, async (route) => {
    await late;
    await route.fallback();
  });
  return arrive;
}

/** The number of the first arrow whose label contains `text`. */
export async function arrow(page, text) {
  const row = page.locator("g.row.message", { hasText: text }).first();
  await row.waitFor();
  return row;
}

/** Chooses an arrow and waits until its three panes are there. */
export async function openMessage(page, text) {
  const row = await arrow(page, text);
  await row.locator(".row-label").click();
  await page.waitForSelector(".pane-bytes .hex-line");
  return Number(await row.getAttribute("data-event"));
}

/** Asks from the page, live, and waits for the answer. */
export async function ask(page, name) {
  await page.fill("#try-name", name);
  await page.click("form.form button[type=submit]");
  await page.waitForSelector(".answer");
}

/** The bytes that are lit, as numbers. */
export const litBytes = (page) => page.$$eval(".hex-bytes .lit",
  (bytes) => bytes.map((byte) => Number(byte.getAttribute("data-byte"))));

/** Seconds of a countdown such as 1:02:03. */
export function seconds(text) {
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** Fails when the page is wider than its window. */
export async function fitsItsWindow(page) {
  const { inner, outer } = await page.evaluate(() => ({
    inner: document.documentElement.scrollWidth, outer: document.documentElement.clientWidth,
  }));
  assert.ok(inner <= outer, `the page is ${inner} pixels wide in a window of ${outer}`);
}
