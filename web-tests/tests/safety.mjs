import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { request } from "node:http";
import { openMessage, openRun } from "../tools.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const GRAVE = new Set(["serious", "critical"]);

/** What axe finds that keeps people out. It comes in through the debugger, which the
 * page's own policy does not hinder. */
async function findings(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
  }));
  return violations.filter(({ impact }) => GRAVE.has(impact)).map(({ id, nodes }) =>
    `${id}: ${nodes.slice(0, 4).map(({ html, failureSummary }) =>
      `${html.slice(0, 160)} ${failureSummary.split("\n")[1]}`).join("\n    ")}`);
}

/** One request with headers that a browser would not send. */
function ask(base, { method = "GET", path = "/", headers = {}, body = "" }) {
  const url = new URL(path, base);
  return new Promise((resolve, reject) => {
    const { hostname: host, port, pathname } = url;
    const sent = request({ host, port, path: pathname, method, headers }, (answer) => {
      let text = "";
      answer.on("data", (data) => { text += data; });
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

export default {
  "axe finds no serious issue, light and dark, at a desk and on a phone": async ({ page }) => {
    for (const colorScheme of ["dark", "light"]) {
      const run = await openRun(page, { colorScheme });
      await openMessage(run, "referral");
      assert.deepEqual(await findings(run), [], `a run, ${colorScheme}`);
      await run.locator("g.node").first().click();
      await run.click(".map .icon-button[aria-pressed]");
      assert.deepEqual(await findings(run), [], `the map's table, ${colorScheme}`);
      const live = await page("/", { colorScheme });
      await live.waitForSelector("g.node");
      await live.keyboard.press("?");
      assert.deepEqual(await findings(live), [], `live with the keys, ${colorScheme}`);
    }
    const phone = await openRun(page, { viewport: { width: 390, height: 844 } });
    for (const tab of ["Messages", "State", "Causes"]) {
      await phone.locator(".tabs button", { hasText: new RegExp(`^${tab}$`) }).click();
      assert.deepEqual(await findings(phone), [], `a phone, ${tab}`);
    }
    const course = await page("/#course");
    await course.waitForSelector(".station", { timeout: 50_000 });
    assert.deepEqual(await findings(course), [], "the course");
  },

  "a name that is not ours is refused, whatever address it leads to": async ({ base }) => {
    const foreign = ["evil.example", "evil.example:7777", "localhost.evil.example", "10.0.0.1"];
    for (const host of foreign) {
      const { status } = await ask(base, { path: "/api/status", headers: { host } });
      assert.equal(status, 421, host);
    }
    const { status } = await ask(base, { path: "/api/status", headers: { host: "localhost:1" } });
    assert.equal(status, 200);
  },

  "a page of another site cannot change the lab": async ({ base }) => {
    const body = JSON.stringify({ fault: { down: "dns.cs.umass.edu" } });
    const send = (headers) => ask(base, { method: "POST", path: "/api/faults", body, headers });
    const json = { "content-type": "application/json" };
    assert.equal((await send({ ...json, origin: "http://evil.example" })).status, 403);
    assert.equal((await send({ ...json, origin: "null" })).status, 403);
    assert.equal((await send({ "content-type": "text/plain" })).status, 415);
    const { faults } = await (await fetch(`${base}/api/faults`)).json();
    assert.deepEqual(faults, []);
  },

  "a name of the lab leads to that host, which says when it has no web site": async ({ base }) => {
    const to = (host) => ask(base, { headers: { host } });
    const refused = await to("www.urosario.edu.co.localhost");
    assert.equal(refused.status, 502);
    assert.match(refused.text, /www\.urosario\.edu\.co .*no web server/);
    assert.equal((await to("nobody.example.localhost")).status, 404);
  },

  "a request that makes no sense gets its reason": async ({ base }) => {
    const bad = async (path, body) => {
      const answer = await fetch(`${base}${path}`, {
        method: "POST", headers: { "content-type": "application/json" }, body,
      });
      assert.ok(answer.status >= 400 && answer.status < 500, `${path} ${body}: ${answer.status}`);
      return answer.text();
    };
    assert.match(await bad("/api/do", '{"action":{"explode":{}}}'), /explode/);
    const nobody = '{"action":{"query":{"from":"nobody","name":"x"}}}';
    assert.match(await bad("/api/do", nobody), /nobody/);
    assert.match(await bad("/api/faults", '{"fault":{"drop":{"of":"dns &&"}}}'), /dns &&/);
    await bad("/api/runs", "{");
    await bad("/api/runs", '{"scenario":"../../etc/passwd"}');
  },

  "inline code cannot run in the page": async ({ page }) => {
    const live = await page("/", { errorsExpected: true });
    const ran = await live.evaluate(() => new Promise((resolve) => {
      const script = document.createElement("script");
      script.textContent = "window.inlineRan = true";
      document.body.append(script);
      setTimeout(() => resolve(Boolean(window.inlineRan)), 50);
    }));
    assert.equal(ran, false);
  },
};
