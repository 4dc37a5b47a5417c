import assert from "node:assert/strict";
import { arrow, held, litBytes, openMessage, openRun, RUN, seconds } from "../tools.mjs";

const shownCount = async (page) =>
  Number((await page.textContent(".counter")).split("/")[0].replace(/\D/g, ""));

export default {
  "a scenario is chosen and plays, and its checks turn green": async ({ page, shot }) => {
    const run = await page("/");
    await run.click("button.source");
    await run.click(".sources a[href='#run=dns-iterated']");
    await run.waitForSelector(".steps .step.here");
    await run.waitForSelector("g.row.message");
    assert.equal(await run.locator("button.play").getAttribute("aria-label"), "Pause");
    await run.keyboard.press("End");
    await run.waitForSelector(".badge.good");
    assert.equal(await run.locator(".check.passed").count(), await run.locator(".check").count());
    await shot(run, "run-end");
  },

  "a step goes one message on and one back": async ({ page }) => {
    const run = await openRun(page);
    await run.keyboard.press("Home");
    assert.equal(await shownCount(run), 0);
    for (const count of [1, 2, 3]) {
      await run.keyboard.press("ArrowRight");
      assert.equal(await shownCount(run), count);
    }
    await run.keyboard.press("ArrowLeft");
    assert.equal(await shownCount(run), 2);
    assert.equal(await run.locator("g.row.chosen").count(), 1);
  },

  "the speed of playing is chosen and remembered": async ({ page }) => {
    const run = await openRun(page);
    await run.selectOption(".speed select", "10");
    await run.reload();
    await run.waitForSelector(".steps .step");
    assert.equal(await run.inputValue(".speed select"), "10");
  },

  "fields, bytes and meaning of a message light up together": async ({ page, shot }) => {
    const run = await openRun(page);
    await openMessage(run, "gaia.cs.umass.edu ?");
    const qname = run.locator("tr.field[data-field=qname]");
    await qname.hover();
    const [start, end] = (await qname.getAttribute("data-range")).split("-").map(Number);
    const wanted = Array.from({ length: end - start }, (_, index) => start + index);
    assert.deepEqual(await litBytes(run), wanted);
    const bytes = await run.$$eval(".hex-bytes .lit", (lit) => lit.map((b) => b.textContent));
    const text = Buffer.from(bytes.join(""), "hex").toString("latin1");
    assert.ok(text.includes("gaia") && text.includes("umass"), JSON.stringify(text));
    await shot(run, "message");
    // From a byte to its field.
    await run.hover(`.hex-bytes [data-byte='${start + 1}']`);
    assert.ok(await qname.evaluate((row) => row.classList.contains("lit")));
    // From the sentence to the bytes.
    await run.hover("h3.message-title");
    const value = run.locator(".meaning .value", { hasText: "gaia.cs.umass.edu" }).first();
    await value.hover();
    assert.deepEqual(await litBytes(run), wanted);
  },

  "every byte of a message belongs to a field": async ({ page }) => {
    const run = await openRun(page);
    await openMessage(run, "gaia.cs.umass.edu ?");
    const loose = await run.evaluate(() => {
      const ranges = [...document.querySelectorAll("tr.field")]
        .map((row) => row.getAttribute("data-range").split("-").map(Number));
      return [...document.querySelectorAll(".hex-bytes [data-byte]")]
        .map((byte) => Number(byte.getAttribute("data-byte")))
        .filter((at) => !ranges.some(([start, end]) => at >= start && at < end));
    });
    assert.deepEqual(loose, []);
  },

  "a link to a message shows another person the same message": async ({ page }) => {
    const run = await openRun(page, { permissions: ["clipboard-read", "clipboard-write"] });
    const id = await openMessage(run, "referral");
    await run.click("#message .icon-button[aria-label^='Copy a link']");
    await run.waitForSelector(".notice.good");
    const link = await run.evaluate(() => navigator.clipboard.readText());
    const other = await page(`/${new URL(link).hash}`);
    await other.waitForSelector(".pane-bytes .hex-line");
    assert.match(await other.textContent(".message-title"), new RegExp(`#${id}\\b`));
    assert.equal(await other.textContent(".meaning"), await run.textContent(".meaning"));
  },

  "going back in time takes back what the caches know": async ({ page }) => {
    const run = await openRun(page);
    await run.waitForSelector(".cache li");
    await run.keyboard.press("Home");
    await run.waitForSelector(".state-card.cache .empty");
    await run.keyboard.press("End");
    const left = await run.locator(".cache .cache-left").first().textContent();
    assert.ok(seconds(left) > 0);
  },

  "the tree of causes leads from any message to the click that began it": async ({ page }) => {
    const run = await openRun(page);
    await openMessage(run, "referral");
    const root = run.locator(".tree .line[aria-level='1']");
    assert.match(await root.textContent(), /asks for gaia\.cs\.umass\.edu/);
    const before = await run.locator(".tree .line").count();
    await run.locator(".tree .twist[aria-label]").nth(1).click();
    assert.ok(await run.locator(".tree .line").count() < before, "a folded part hides its lines");
  },

  "a fault added to a run makes the run again with other messages": async ({ page }) => {
    const run = await openRun(page);
    const digest = () => run.evaluate(() => fetch("/api/runs", {
      method: "POST", headers: { "content-type": "application/json" },
      body: JSON.stringify({ scenario: "dns-iterated",
        changes: JSON.parse(new URLSearchParams(location.hash.slice(1)).get("changes") ?? "[]") }),
    }).then((answer) => answer.json()).then((answer) => answer.digest));
    const whole = await digest();
    assert.equal(await digest(), whole, "the same run has the same digest");
    await run.keyboard.press("Home");
    await run.locator("g.node[data-host='dns.cs.umass.edu']").click();
    await run.click(".fault[data-fault=down]");
    await run.waitForSelector(".fault-chip");
    await run.keyboard.press("End");
    await run.waitForSelector(".check.failed");
    assert.notEqual(await digest(), whole);
    await run.click(".fault-chip button");
    await run.waitForSelector(".fault-chip", { state: "detached" });
    assert.equal(await digest(), whole, "mended, it is the run that it was");
  },

  "two faults by two quick clicks are both in the run": async ({ page }) => {
    const run = await openRun(page);
    await run.keyboard.press("Home");
    const arrive = await held(run, "**/api/runs");
    await run.locator("g.node[data-host='dns.cs.umass.edu']").click();
    await run.click(".fault[data-fault=down]");
    await run.click(".fault[data-fault=slow]");
    arrive();
    await run.locator(".fault-chip").nth(1).waitFor();
    const both = await run.locator(".fault-chip").count();
    assert.equal(both, 2);
  },

  "of two scenarios opened one after the other the second is shown": async ({ page }) => {
    const run = await openRun(page);
    const arrive = await held(run, "**/api/runs");
    const named = () => run.textContent(".source-name");
    const before = await named();
    await run.evaluate(() => {
      location.hash = "#run=mail-andrea-carlos";
    });
    await run.waitForFunction((old) => document.querySelector(".source-name").textContent !== old,
      before);
    await run.evaluate(() => {
      location.hash = "#course";
    });
    await run.waitForSelector("body[data-view=course]");
    const answered = run.waitForResponse("**/api/runs");
    arrive();
    await (await answered).finished();
    await run.waitForSelector(".station");
    assert.equal(await run.getAttribute("body", "data-view"), "course");
  },

  "a mail server is made to say 451 by click, and the message stays in the queue": async (
    { page, shot },
  ) => {
    const run = await page("/#run=mail-andrea-carlos", { reducedMotion: "reduce" });
    await run.waitForSelector(".steps .step", { state: "attached" });
    await run.keyboard.press("End");
    await run.waitForSelector(".check");
    assert.equal(await run.locator(".check.failed").count(), 0);
    await shot(run, "mail-story");
    await run.keyboard.press("Home");
    await run.locator("g.node[data-host='mail.urosario.edu.co']").click();
    await shot(run, "mail-host-faults");
    await run.click(".fault[data-fault=not_now]");
    await run.waitForSelector(".fault-chip");
    await run.keyboard.press("End");
    await run.waitForSelector(".check.failed");
    const told = await (await run.request.post(new URL("/api/runs", run.url()).href, {
      data: { scenario: "mail-andrea-carlos", changes: JSON.parse(
        new URLSearchParams(new URL(run.url()).hash.slice(1)).get("changes")) },
    })).json();
    const reasons = told.events.filter((event) => event.kind === "deferred");
    assert.ok(reasons.length > 0 && reasons[0].data.reason.startsWith("451"), "deferred by 451");
    await run.locator("g.node[data-host='resolver.umass.edu']").click();
    assert.equal(await run.locator(".fault[data-fault=not_now]").count(), 0, "it serves no mail");
    await run.click(".fault-chip button");
    await run.waitForSelector(".check.failed", { state: "detached" });
  },

  "a filter shows only what passes, and says where it is wrong": async ({ page }) => {
    const run = await openRun(page);
    const all = await shownCount(run);
    await run.keyboard.press("/");
    await run.keyboard.type("dns && to:root");
    await run.keyboard.press("Enter");
    await run.waitForSelector(".filter .icon-button[aria-label='Clear the filter']");
    const some = await shownCount(run);
    assert.ok(some > 0 && some < all, `${some} of ${all}`);
    await run.fill("#filter", "dns && qname~");
    await run.press("#filter", "Enter");
    await run.waitForSelector(".filter-error:not([hidden])");
    assert.match(await run.textContent(".filter-error"), /Column \d+/);
    await run.click(".filter .icon-button[aria-label*='language']");
    await run.waitForSelector("dialog .command");
    assert.ok(await run.locator("dialog .command").count() > 5, "examples");
  },

  "a filter that is asked for while the page opens holds": async ({ page }) => {
    const run = await openRun(page);
    const arrive = await held(run, "**/api/runs");
    await run.reload();
    await run.fill("#filter", "dns && to:nobody");
    await run.press("#filter", "Enter");
    arrive();
    await run.waitForSelector(".steps .step", { state: "attached" });
    await run.waitForFunction(() => document.querySelectorAll("g.row.message").length === 0);
    assert.equal(await run.inputValue("#filter"), "dns && to:nobody");
  },

  "a link with a filter that is not one says where it is wrong": async ({ page }) => {
    const run = await page("/#run=dns-iterated&filter=dns+%26%26+qname~");
    await run.waitForSelector(".filter-error:not([hidden])");
    assert.equal(await run.inputValue("#filter"), "dns && qname~");
  },

  "what is shown is saved as pcapng, JSON lines and Mermaid": async ({ page }) => {
    const run = await openRun(page);
    await arrow(run, "referral");
    const saved = async (kind) => {
      await run.click(".ladder .menu button[aria-label='Save the messages']");
      const [download] = await Promise.all([
        run.waitForEvent("download"), run.click(`a.menu-item[href*='/export/${kind}']`),
      ]);
      const stream = await download.createReadStream();
      const parts = [];
      for await (const part of stream) parts.push(part);
      return Buffer.concat(parts);
    };
    const pcapng = await saved("pcapng");
    assert.equal(pcapng.readUInt32LE(0), 0x0a0d0d0a, "a section header block");
    assert.ok(pcapng.includes(Buffer.from("\x04gaia\x02cs\x05umass\x03edu")));
    const lines = (await saved("jsonl")).toString().trim().split("\n").map((l) => JSON.parse(l));
    assert.ok(lines.some((line) => line.fields?.qname === "gaia.cs.umass.edu."));
    assert.match((await saved("mermaid")).toString(), /^sequenceDiagram\n/);
  },

  "a scenario that does not exist is told, and the page goes on": async ({ page }) => {
    const run = await page("/#run=no-such-story", { errorsExpected: true });
    await run.waitForSelector(".notice.bad");
    assert.match(await run.textContent(".notice.bad"), /no-such-story|no scenario/);
    await run.goto(new URL(RUN, run.url()).href);
    await run.waitForSelector(".steps .step");
  },
};
