// The tests of the page, in a real browser against a real lab with a fixed seed.
//
//   node run.mjs [PART OF A TEST'S NAME]
//
// CAPA7_BIN       the binary (target/debug/capa7)
// CAPA7_CHROMIUM  the browser (/usr/bin/chromium)
// CAPA7_PAGE      a page that runs already, instead of a lab of our own
// CAPA7_SHOTS     where the screenshots go (target/web-tests)
// CAPA7_SLOW      a slow machine: each answer is late by a random time of up to so many ms, the
//                 page computes four times as slowly, a tenth of that time passes before each act
// CAPA7_SEED      the seed of those times (1)
//
// What is missing is told as `SKIPPED: what`; with CAPA7_REQUIRE_PEERS=1 it fails.
// The last line is `N passed, N failed, N skipped`.

import { appendFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startLab } from "./lab.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const slowMs = Number(process.env.CAPA7_SLOW ?? 0);
/** A test that takes longer hangs. */
const TEST_MS_MAX = slowMs > 0 ? 300_000 : 60_000;
/** How much slower a page computes on a machine that is made slow. */
const SLOW_RATE = 4;
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update",
];

const random = seeded(Number(process.env.CAPA7_SEED ?? 1));
const counts = { passed: 0, failed: 0, skipped: 0 };

function skip(what) {
  process.stderr.write(`SKIPPED: ${what}\n`);
  if (process.env.CAPA7_SKIP_LOG) {
    appendFileSync(process.env.CAPA7_SKIP_LOG, `web-tests\t${what}\n`);
  }
  if (process.env.CAPA7_REQUIRE_PEERS === "1") counts.failed += 1;
  else counts.skipped += 1;
}

function finish() {
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  process.exit(counts.failed > 0 ? 1 : 0);
}

async function load() {
  try {
    const { chromium } = await import("playwright-core");
    await import("axe-core");
    return chromium;
  } catch {
    return null;
  }
}

async function tests() {
  const found = [];
  for (const file of readdirSync(join(here, "tests")).sort()) {
    const module = await import(join(here, "tests", file));
    for (const [name, body] of Object.entries(module.default)) {
      if (!process.argv[2] || name.includes(process.argv[2])) found.push({ file, name, body });
    }
  }
  return found;
}

function within(work, ms) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms / 1000} s`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Random numbers from 0 to 1 that a seed gives again (mulberry32). */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes a page slow, as on a machine that has much else to do. */
async function slowDown(context, page, random) {
  await context.route("**", async (route) => {
    await new Promise((done) => setTimeout(done, random() * slowMs));
    await route.fallback().catch(() => {});
  });
  const session = await context.newCDPSession(page);
  await session.send("Emulation.setCPUThrottlingRate", { rate: SLOW_RATE });
}

async function runOne(test, browser, base, shots) {
  const opened = [];
  const problems = [];
  const page = async (path = "/", options = {}) => {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 }, locale: "en-US", colorScheme: "dark", ...options,
    });
    opened.push(context);
    const made = await context.newPage();
    if (slowMs > 0) await slowDown(context, made, random);
    made.on("pageerror", (error) => problems.push(`error in the page: ${error.message}`));
    made.on("console", (message) => {
      if (message.type() === "error" && !options.errorsExpected) {
        problems.push(`console: ${message.text()}`);
      }
    });
    made.on("response", async (answer) => {
      if (answer.status() < 400 || options.errorsExpected) return;
      const text = await answer.text().catch(() => "");
      problems.push(`${answer.status()} ${answer.url()}: ${text}`);
    });
    await made.goto(new URL(path, base).href);
    await made.waitForSelector("body[data-view]");
    return made;
  };
  const shot = (of, name) => of.screenshot({ path: join(shots, `${name}.png`) });
  try {
    await within(test.body({ page, shot, base, binary }), TEST_MS_MAX);
    if (problems.length > 0) throw new Error(problems.join("\n"));
    counts.passed += 1;
    console.log(`ok   ${test.file} · ${test.name}`);
  } catch (error) {
    if (error.skipped) {
      skip(error.message);
      await Promise.all(opened.map((context) => context.close()));
      return;
    }
    counts.failed += 1;
    console.log(`FAIL ${test.file} · ${test.name}\n     ${error.stack ?? error}`);
    const last = opened.at(-1)?.pages()[0];
    await last?.screenshot({ path: join(shots, "failed.png") }).catch(() => {});
  }
  await Promise.all(opened.map((context) => context.close()));
}

const chromium = await load();
const browserPath = process.env.CAPA7_CHROMIUM ?? "/usr/bin/chromium";
const binary = process.env.CAPA7_BIN ?? join(root, "target/debug/capa7");
if (!chromium) skip("the npm packages of web-tests/package.json");
else if (!existsSync(browserPath)) skip("chromium");
else if (!process.env.CAPA7_PAGE && !existsSync(binary)) skip(`${binary}; cargo build makes it`);
if (counts.skipped + counts.failed > 0) finish();

const shots = process.env.CAPA7_SHOTS ?? join(root, "target/web-tests");
mkdirSync(shots, { recursive: true });
const lab = process.env.CAPA7_PAGE
  ? { base: process.env.CAPA7_PAGE, stop: () => {} } : await startLab(binary);
const browser = await chromium.launch({
  executablePath: browserPath, args: FLAGS, slowMo: slowMs / 10,
});
try {
  for (const test of await tests()) await runOne(test, browser, lab.base, shots);
} finally {
  await browser.close();
  lab.stop();
}
finish();
