import assert from "node:assert/strict";
import { fitsItsWindow, held, litBytes, openMessage, openRun } from "../tools.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

export default {
  "in Spanish every text is Spanish, and the choice is remembered": async ({ page, shot }) => {
    const run = await openRun(page);
    await openMessage(run, "referral");
    const english = await run.textContent(".meaning");
    await run.click(".languages button[lang=es]");
    assert.equal(await run.getAttribute("html", "lang"), "es");
    assert.equal(await run.textContent("#ladder-title"), "Mensajes");
    assert.notEqual(await run.textContent(".meaning"), english);
    const texts = await (await fetch(new URL("/text/en.json", run.url()))).json();
    const spanish = await (await fetch(new URL("/text/es.json", run.url()))).json();
    const shown = await run.evaluate(() => document.body.innerText);
    const headings = ["story", "causes", "checks", "fields", "state_cache", "notes", "break"];
    for (const key of headings) {
      assert.ok(shown.includes(spanish[key]), spanish[key]);
      assert.ok(!shown.split("\n").includes(texts[key]), texts[key]);
    }
    const keys = Object.keys(texts).filter((key) => key.includes("_"));
    for (const key of keys) assert.ok(!shown.includes(key), `the key ${key} is shown`);
    const labels = await run.$$eval(".row-label", (rows) => rows.map((row) => row.textContent));
    assert.ok(labels.some((label) => label.startsWith("remisión: ")), labels.join(" | "));
    assert.ok(!labels.some((label) => label.includes("referral")), labels.join(" | "));
    const mail = await page("/#run=mail-queue", { reducedMotion: "reduce", locale: "es-CO" });
    await mail.waitForSelector("g.row", { state: "attached" });
    await mail.keyboard.press("n");
    await mail.waitForSelector("g.row.note", { state: "attached" });
    const told = await mail.$$eval("g.row", (rows) => rows.map((row) => row.textContent));
    for (const part of [" more)", "the message", "its turn", "connection"]) {
      assert.ok(!told.some((label) => label.includes(part)), `${part}: ${told.join(" | ")}`);
    }
    await shot(run, "spanish");
    await run.reload();
    await run.waitForSelector(".steps .step");
    assert.equal(await run.getAttribute("html", "lang"), "es");
  },

  "a Spanish browser gets Spanish": async ({ page }) => {
    const live = await page("/", { locale: "es-CO" });
    assert.equal(await live.textContent("#ladder-title"), "Mensajes");
  },

  "light and dark follow the system until one is chosen": async ({ page, shot }) => {
    const run = await openRun(page, { colorScheme: "light" });
    const theme = () => run.getAttribute("html", "data-theme");
    assert.equal(await theme(), "light");
    await openMessage(run, "referral");
    await shot(run, "light");
    await run.emulateMedia({ colorScheme: "dark" });
    await run.waitForSelector("html[data-theme=dark]");
    await run.click(".theme-button");
    assert.equal(await theme(), "light");
    await run.reload();
    await run.waitForSelector(".steps .step");
    assert.equal(await theme(), "light");
  },

  "on a phone each panel fills the window and nothing is cut off": async ({ page, shot }) => {
    const run = await openRun(page, PHONE);
    for (const panel of ["story", "map", "ladder", "message", "causes", "state"]) {
      const names = { story: "Story", map: "Map", ladder: "Messages", message: "Message",
        causes: "Causes", state: "State" };
      await run.locator(".tabs button", { hasText: new RegExp(`^${names[panel]}$`) }).click();
      assert.ok(await run.isVisible(`#${panel}`), panel);
      const others = await run.locator(".desk .panel:visible").count();
      assert.equal(others, 1, `only ${panel} is shown`);
      await fitsItsWindow(run);
      await shot(run, `phone-${panel}`);
    }
  },

  "on a phone a tap on an arrow opens its message": async ({ page, shot }) => {
    const run = await openRun(page, PHONE);
    await run.locator(".tabs button", { hasText: /^Messages$/ }).click();
    await run.locator("g.row.message .row-label").first().tap();
    await run.waitForSelector("#message .pane-bytes .hex-line");
    assert.ok(await run.isVisible("#message"));
    await shot(run, "phone-opened");
  },

  "everything is reached by keys, and ? lists them": async ({ page, shot }) => {
    const run = await openRun(page);
    await run.keyboard.press("?");
    await run.waitForSelector("dialog[open] .keys-table");
    const listed = await run.locator("dialog kbd").allTextContents();
    const wanted = ["␣", "←", "→", "/", "?", "n", "t", "l"];
    for (const key of wanted) assert.ok(listed.includes(key), key);
    await shot(run, "keys");
    await run.keyboard.press("Escape");
    await run.waitForSelector("dialog", { state: "detached" });
    await run.keyboard.press("t");
    assert.equal(await run.getAttribute("html", "data-theme"), "light");
    await run.keyboard.press("l");
    assert.equal(await run.getAttribute("html", "lang"), "es");
    const rows = () => run.locator("g.row.note").count();
    const before = await rows();
    await run.keyboard.press("n");
    const more = (old) => document.querySelectorAll("g.row.note").length > old;
    await run.waitForFunction(more, before);
    await run.keyboard.press("4");
    await run.keyboard.press("j");
    assert.equal(await run.locator("g.row.chosen").count(), 1);
    await run.locator("g.node").first().focus();
    await run.keyboard.press("Enter");
    await run.waitForSelector(".host-card");
    await run.keyboard.press("Escape");
    await run.waitForSelector(".host-card", { state: "detached" });
  },

  "what arrives late in an open menu takes no focus away": async ({ page }) => {
    const run = await openRun(page);
    const arrive = await held(run, "**/api/scenarios");
    await run.reload();
    await run.waitForSelector(".steps .step", { state: "attached" });
    await run.focus("button.source");
    await run.keyboard.press("Enter");
    await run.keyboard.press("Home");
    await run.keyboard.press("ArrowDown");
    const here = () => run.evaluate(() => document.activeElement.getAttribute("href"));
    assert.equal(await here(), "#course");
    assert.equal(await run.locator("a[href^='#run=']").count(), 0);
    arrive();
    await run.waitForSelector("a[href^='#run=']");
    assert.equal(await here(), "#course");
    await run.keyboard.press("ArrowDown");
    assert.match(await here(), /^#run=/);
    await run.keyboard.press("Escape");
    assert.equal(await run.locator(".sources").isVisible(), false);
    assert.ok(await run.evaluate(() => document.activeElement.matches("button.source")));
  },

  "the arrows go through a menu and through the fields of a message": async ({ page }) => {
    const run = await openRun(page);
    const has = (selector) => run.evaluate((wanted) =>
      document.activeElement.matches(wanted), selector);
    await run.focus("button.source");
    await run.keyboard.press("Enter");
    await run.keyboard.press("End");
    assert.ok(await has(".source-item:last-of-type"), "the last one has the focus");
    await run.keyboard.press("Home");
    await run.keyboard.press("ArrowDown");
    assert.ok(await has("a[href='#course']"));
    assert.equal(await run.locator("g.row.chosen").count(), 0, "the ladder has not moved");
    await run.keyboard.press("Escape");
    assert.ok(await has("button.source"), "the focus is back");
    await run.keyboard.press("5");
    assert.ok(await has("#message"), "an empty panel is reached as well");
    await openMessage(run, "gaia.cs.umass.edu ?");
    await run.focus(".pane-fields .scroll");
    await run.keyboard.press("ArrowDown");
    assert.ok(await has("tr[data-field=id]"));
    assert.deepEqual(await litBytes(run), [0, 1], "its bytes are lit");
    await run.keyboard.press("ArrowDown");
    await run.keyboard.press("ArrowLeft");
    assert.equal(await run.locator("tr[data-field=qr]:visible").count(), 0, "flags are folded");
    await run.keyboard.press("ArrowRight");
    assert.equal(await run.locator("tr[data-field=qr]:visible").count(), 1);
    // A scenario that is chosen by keys leaves the focus where it was.
    await run.focus("button.source");
    await run.keyboard.press("Enter");
    await run.keyboard.press("ArrowDown");
    await run.keyboard.press("Enter");
    assert.ok(await has("button.source"));
  },

  "in a window of any width the head is readable and no card is cut": async ({ page, shot }) => {
    for (const width of [390, 640, 768, 861, 960, 1100, 1280]) {
      const run = await page("/#run=mail-andrea-carlos", {
        viewport: { width, height: 800 }, reducedMotion: "reduce", locale: "es-CO",
      });
      await run.waitForSelector("g.node");
      await fitsItsWindow(run);
      const wrong = await run.evaluate(() => {
        const seen = (part) => part.checkVisibility({ visibilityProperty: true });
        const box = (part) => part.getBoundingClientRect();
        const parts = [...document.querySelectorAll(".head > *, .head .source")].filter(seen)
          .filter((part) => !part.matches(".spacer, .menu"));
        const found = [];
        for (const [index, one] of parts.entries()) {
          if (box(one).right > innerWidth) found.push(`${one.className} leaves the window`);
          for (const other of parts.slice(index + 1)) {
            const [a, b] = [box(one), box(other)];
            if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1
              && b.top < a.bottom - 1) found.push(`${one.className} over ${other.className}`);
          }
        }
        const map = box(document.querySelector(".map-drawing"));
        for (const card of document.querySelectorAll("g.node rect")) {
          const { left, right } = box(card);
          if (left < map.left || right > map.right) {
            found.push(`${card.parentElement.dataset.host} is cut`);
          }
        }
        return found;
      });
      assert.deepEqual(wrong, [], `${width} pixels`);
      await shot(run, `width-${width}`);
    }
    const live = await page("/", { viewport: { width: 390, height: 800 } });
    const [source, languages] = await Promise.all([".head .source", ".languages"].map((part) =>
      live.locator(part).boundingBox()));
    assert.ok(source.x + source.width <= languages.x + 1, "the source lies over the languages");
  },

  "with reduced motion nothing moves by itself": async ({ page }) => {
    const run = await openRun(page);
    assert.equal(await run.locator("button.play").getAttribute("aria-label"), "Play");
    assert.equal(await run.locator("g.dot").count(), 0);
    assert.ok(await run.locator("g.row.message").count() > 0, "the run stands at its end");
  },

  "an empty panel says what will appear and how": async ({ page }) => {
    const run = await openRun(page);
    await run.keyboard.press("Home");
    for (const panel of ["causes", "ladder", "message", "state"]) {
      const text = await run.textContent(`#${panel} .empty`);
      assert.ok(text.length > 30, `${panel}: ${text}`);
    }
  },

  "the course lists every statement with its state": async ({ page, shot }) => {
    const course = await page("/#course");
    await course.waitForSelector(".station", { timeout: 50_000 });
    const all = await course.locator(".statement").count();
    assert.ok(all > 100, `${all} statements`);
    assert.ok(await course.locator(".statement.yes").count() > 0);
    await course.click(".tally .yes");
    assert.equal(await course.locator(".statement:visible").count(),
      await course.locator(".statement.yes").count());
    await shot(course, "course");
    await course.locator(".statement.yes a").first().click();
    await course.waitForSelector(".steps .step");
  },
};
