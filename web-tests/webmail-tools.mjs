// What the tests of webmail share: the servers, what is in their mailboxes, and
// what a person does again and again.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { startMail } from "./mail.mjs";
import { startOwn } from "./own-mail.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
/** A picture of one grey point. */
const POINT = "R0lGODlhAQABAIAAAMzMzAAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==";

export const mail = (from, subject, body, more = "", date = "Mon, 01 Feb 2027 10:00:00 -0500") =>
  `From: ${from}\r\nTo: Carlos Rojas <carlos@urosario.edu.co>\r\nSubject: ${subject}\r\n`
  + `Date: ${date}\r\nMessage-ID: <${subject.replace(/\W/g, "")}@umass.edu>\r\n${more}\r\n${body}`;

const HTML = mail("Tienda Andina <news@andina.example>", "Your order is on its way",
  "--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
  + "<h2 style=\"color:#0b7285\">Gracias, Carlos</h2><p onclick=\"parent.hacked=1\">Your order "
  + "<b>4711</b> left our store this morning.</p><script>parent.hacked=1</script>"
  + "<table width=\"100%\" cellpadding=\"8\"><tr bgcolor=\"#eef1f6\"><td>Coffee, 2 kg</td>"
  + "<td>COP 84.000</td></tr><tr><td>Mug</td><td>COP 26.000</td></tr></table>"
  + "<p><img src=\"cid:point\" alt=\"own\" width=\"12\" height=\"12\">"
  + "<img src=\"http://127.0.0.1:9/track.gif\" alt=\"remote\"></p>"
  + "<p><a href=\"https://andina.example/orders/4711\">Follow it</a></p>\r\n"
  + "--x\r\nContent-Type: image/gif\r\nContent-ID: <point>\r\n"
  + `Content-Transfer-Encoding: base64\r\n\r\n${POINT}\r\n--x--\r\n`,
  "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n");

const FILES = mail("Ana Torres <ana@umass.edu>", "Minutes of the meeting",
  "--y\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nCarlos,\r\n\r\nhere are the minutes and "
  + "the figures.\r\n\r\nAna\r\n--y\r\nContent-Type: application/pdf; name=minutes.pdf\r\n"
  + "Content-Disposition: attachment; filename=minutes.pdf\r\nContent-Transfer-Encoding: base64"
  + "\r\n\r\nJVBERi0xLjQK\r\n--y--\r\n",
  "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=y\r\n");

const TALK = mail("=?utf-8?q?Andrea_Mu=C3=B1oz?= <andrea@urosario.edu.co>", "Lunch on Thursday?",
  "Hi Carlos,\r\n\r\nshall we have lunch on Thursday? The new place at the corner has\r\n"
  + "arepas: https://arepas.example/menu\r\n\r\nAndrea\r\n");

export const answer = (from, subject, id, before, text) => mail(from, `Re: ${subject}`, text,
  `In-Reply-To: <${before.at(-1)}@umass.edu>\r\n`
  + `References: ${before.map((one) => `<${one}@umass.edu>`).join("\r\n ")}\r\n`)
  .replace(/^Message-ID: .*$/m, `Message-ID: <${id}@umass.edu>`);

/** A message, an answer, and an answer to that, with another message in between. */
export const CONVERSATION = [
  mail("Ana Torres <ana@umass.edu>", "Room for the lab", "Which room do we take?\r\n"),
  answer("Luis Pardo <luis@urosario.edu.co>", "Room for the lab", "room2", ["Roomforthelab"],
    "The one with the racks.\r\n"),
  mail("Sara Gil <sara@umass.edu>", "Between", "Something else.\r\n"),
  answer("Ana Torres <ana@umass.edu>", "Room for the lab", "room3", ["Roomforthelab", "room2"],
    "Agreed.\r\n"),
];

/** What the gateway stands in front of; each is started once, with the first test. */
const BACKENDS = { Dovecot: startMail, "our server": startOwn };
/** @type {Map<string, Promise<Awaited<ReturnType<typeof startMail>>>>} */
const started = new Map();

function server(name, binary) {
  if (!started.has(name)) {
    started.set(name, BACKENDS[name](binary).then(async (running) => {
      process.on("exit", running.stop);
      for (const [from, subject, text] of [
        ["Registrar <registro@urosario.edu.co>", "Dates of the term", "The term begins on Monday."],
        ["Luis Pardo <luis@urosario.edu.co>", "Re: Network lab", "The switch is back. Thanks!"],
        ["Library <library@umass.edu>", "A book is due", "Computer Networking is due on Friday."],
        ["Marta Ruiz <marta@umass.edu>", "Photos", "They came out well, see for yourself."],
      ]) await running.deliver("carlos", mail(from, subject, `${text}\r\n`));
      for (const message of [FILES, HTML, TALK]) await running.deliver("carlos", message);
      return running;
    }));
  }
  return started.get(name);
}

export async function openWeb(test, options = {}) {
  const running = await server(test.backend, test.binary);
  const web = await test.page(running.base, { ignoreHTTPSErrors: true, ...options });
  await web.waitForSelector("body[data-view=login] #user");
  return { web, running };
}

export async function logIn(test, options = {}, user = "carlos") {
  const { web, running } = await openWeb(test, options);
  await enter(web, running, user);
  await web.waitForSelector(".row, .list .nothing");
  await web.waitForSelector("[data-folder=INBOX]", { state: "attached" });
  return { web, running };
}

/** Gives name and password. */
export async function enter(web, running, user = "carlos") {
  await web.fill("#user", running.user(user));
  await web.fill("#password", user);
  await web.click(".login-card .primary");
}

/** From here on what arrives is news. */
export const isWatched = (web) => web.waitForSelector("body[data-watching=INBOX]");

export const row = (web, subject) => web.locator(".row", { hasText: subject });
export const read = async (web, subject) => {
  await row(web, subject).locator(".row-open").click();
  await web.waitForSelector(`.subject:has-text("${subject}")`);
};

export async function isAccessible(web, where) {
  await web.evaluate(AXE);
  const { violations } = await web.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa"], iframes: false,
  }));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`).join("\n");
  assert.equal(serious.length, 0, `${where}:\n${told}`);
}

/** Each test in front of each server.
 * @param {Record<string, (test: any) => Promise<void>>} tests */
export const overEach = (tests) => Object.fromEntries(Object.keys(BACKENDS).flatMap((backend) =>
  Object.entries(tests).map(([name, body]) => [`webmail over ${backend}: ${name}`,
    (/** @type {any} */ test) => body({
      ...test, backend,
      shot: (/** @type {any} */ web, /** @type {string} */ of) =>
        test.shot(web, backend === "Dovecot" ? of : of.replace("webmail", "webmail-own")),
    })])));
