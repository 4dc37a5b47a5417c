// Webmail where the wire is slow, answers overtake each other, and a mailbox is
// broken.

import assert from "node:assert/strict";
import { until } from "../mail.mjs";
import { fitsItsWindow } from "../tools.mjs";
import {
  enter, isAccessible, isWatched, logIn, mail, openWeb, overEach, PHONE, read, row,
} from "../webmail-tools.mjs";

const WORDS = "the index is broken";

/** Something that waits until it is let go. */
function gate() {
  let open = () => {};
  const opened = new Promise((resolve) => { open = resolve; });
  return { open, opened };
}

/** Asks the next request for an address at once, and holds what is answered. */
async function hold(web, url) {
  const [held, asked] = [gate(), gate()];
  let count = 0;
  await web.route(url, async (route) => {
    count += 1;
    if (count > 1) return route.fallback();
    const response = await route.fetch();
    asked.open();
    await held.opened;
    return route.fulfill({ response });
  });
  return { asked: asked.opened, release: held.open };
}

/** The message with this subject cannot be read. */
async function breakMessage(web, subject) {
  let uid = 0;
  await web.route("**/api/messages?*", async (route) => {
    const response = await route.fetch();
    const page = await response.json();
    for (const one of page.messages?.filter((known) => known.subject === subject) ?? []) {
      uid = one.uid;
      Object.assign(one, { subject: "", from: [], to: [], preview: null, untold: WORDS });
    }
    await route.fulfill({ response, json: page });
  });
  await web.route("**/api/message?*", async (route) => {
    const asked = Number(new URL(route.request().url()).searchParams.get("uid"));
    if (asked !== uid) return route.fallback();
    return route.fulfill({ status: 409, json: { error: "mailbox_refused", detail: WORDS } });
  });
}

export default overEach({
  "a message that cannot be read is a row that says so, and opening it tells why":
    async (test) => {
      const { web, running } = await openWeb(test, { errorsExpected: true });
      await breakMessage(web, "A book is due");
      await enter(web, running);
      const broken = row(web, "This message cannot be read");
      await broken.waitFor();
      assert.match(await broken.textContent(), /“the index is broken”/);
      await row(web, "Lunch on Thursday?").waitFor();
      await broken.locator(".row-open").click();
      await web.waitForSelector(".unreadable:has-text('the index is broken')");
      assert.equal(await web.locator(".notice.bad").count(), 0);
      await test.shot(web, "webmail-unreadable");
      await isAccessible(web, "a message that cannot be read");
      await web.keyboard.press("k");
      await web.waitForSelector(".subject");
      await web.keyboard.press("j");
      await web.waitForSelector(".unreadable");
      await web.unroute("**/api/message?*");
      await web.click(".unreadable .quiet:has-text('Try again')");
      await web.waitForSelector(".subject:has-text('A book is due')");
    },

  "on a phone and in Spanish too, and back leads to the list": async (test) => {
    const options = { ...PHONE, locale: "es-CO", errorsExpected: true, colorScheme: "light" };
    const { web, running } = await openWeb(test, options);
    await breakMessage(web, "A book is due");
    await enter(web, running);
    const broken = row(web, "Este mensaje no se puede leer");
    await broken.waitFor();
    assert.match(await broken.textContent(), /dice: «the index is broken»/);
    await fitsItsWindow(web);
    await test.shot(web, "webmail-unreadable-list-phone");
    await broken.locator(".row-open").tap();
    await web.waitForSelector(".unreadable:has-text('El servidor del buzón dice')");
    await fitsItsWindow(web);
    await test.shot(web, "webmail-unreadable-phone");
    await web.locator(".to-list").tap();
    await broken.waitFor();
  },

  "HTML is loaded once, however late it is known how many images it wants": async (test) => {
    const { web } = await logIn(test);
    const loaded = [];
    web.on("request", (request) => {
      if (request.url().includes("/api/html?") && !request.url().includes("count=")) {
        loaded.push(request.url());
      }
    });
    const count = await hold(web, "**/api/html?*count=1*");
    await read(web, "Your order is on its way");
    await web.frameLocator("iframe.html").locator("h2").waitFor();
    await web.evaluate(() => { document.querySelector("iframe.html").dataset.first = "yes"; });
    count.release();
    await web.waitForSelector(".images:not([hidden])");
    assert.equal(await web.getAttribute("iframe.html", "data-first"), "yes");
    assert.equal(loaded.length, 1);
  },

  "what was thrown away is not brought back by an older list": async (test) => {
    const { web, running } = await openWeb(test, { errorsExpected: true });
    await web.route("**/api/events*", (route) => route.abort());
    await running.deliver("carlos", mail("Bea <bea@umass.edu>", "Not wanted", "Text.\r\n"));
    await enter(web, running);
    await web.waitForSelector(".row");
    const list = async () => (await web.request.get(
      `${running.base}/api/messages?folder=INBOX`)).json();
    await until(async () => (await list()).messages.some((one) => one.subject === "Not wanted"),
      "a message");
    await web.click("[aria-label='Look for new mail']");
    await read(web, "Not wanted");
    const older = await hold(web, "**/api/messages?*");
    const gone = gate();
    await web.route("**/api/delete", async (route) => {
      await gone.opened;
      await route.fallback();
    });
    await web.click("[aria-label='Look for new mail']");
    await older.asked;
    await web.keyboard.press("#");
    await row(web, "Not wanted").waitFor({ state: "detached" });
    older.release();
    await web.waitForSelector("#list[aria-busy=false]");
    assert.equal(await row(web, "Not wanted").count(), 0);
    gone.open();
    await web.waitForSelector(".notice:has-text('trash')");
    assert.equal(await row(web, "Not wanted").count(), 0);
  },

  "what arrives while the first list is on its way is shown": async (test) => {
    const { web, running } = await openWeb(test);
    const list = await hold(web, "**/api/messages?*");
    const events = gate();
    await web.route("**/api/events*", async (route) => {
      await events.opened;
      await route.fallback();
    });
    await enter(web, running);
    await list.asked;
    await running.deliver("carlos", mail("Bea <bea@umass.edu>", "In between", "Text.\r\n"));
    await until(async () => (await (await web.request.get(
      `${running.base}/api/messages?folder=INBOX`)).json()).messages
      .some((one) => one.subject === "In between"), "a message");
    events.open();
    await isWatched(web);
    list.release();
    await row(web, "In between").waitFor();
  },

  "a file that was chosen a moment before is sent": async (test) => {
    const { web, running } = await logIn(test);
    await web.evaluate(() => {
      const read = FileReader.prototype.readAsDataURL;
      FileReader.prototype.readAsDataURL = function readLater(file) {
        window.readNow = () => read.call(this, file);
      };
    });
    await web.keyboard.press("c");
    await web.fill("#to", "andrea@urosario.edu.co");
    await web.fill("#subject", "In haste");
    await web.setInputFiles(".composer input[type=file]",
      { name: "prisa.txt", mimeType: "text/plain", buffer: Buffer.from("cifras") });
    await web.keyboard.press("Control+Enter");
    await web.waitForSelector(".send:disabled");
    await web.evaluate(() => window.readNow());
    await web.waitForSelector(".notice:has-text('Message sent')");
    assert.match(await running.arrived("andrea", "prisa.txt"), /Subject: In haste/);
  },

  "what was discarded by mistake is written on after all": async (test) => {
    const { web, running } = await logIn(test);
    await web.keyboard.press("c");
    await web.fill("#to", "andrea@urosario.edu.co");
    await web.fill("#subject", "Not to be lost");
    await web.setInputFiles(".composer input[type=file]",
      { name: "kept.txt", mimeType: "text/plain", buffer: Buffer.from("cifras") });
    await web.waitForSelector(".composer .chosen-files:has-text('kept.txt')");
    await web.waitForSelector(".draft-state:has-text('Draft kept')");
    await web.click("[aria-label='Close and keep the draft']");
    await web.click("[data-folder=Drafts]");
    // From the mailbox, so that the file is nowhere else.
    await row(web, "Not to be lost").locator(".row-open").click();
    await web.waitForSelector(".composer .chosen-files:has-text('kept.txt')");
    await web.fill("#text", "Half an hour of work.");
    await web.click(".discard");
    await web.waitForSelector(".composer", { state: "detached" });
    await web.click(".notice .undo");
    await web.waitForSelector(".composer .chosen-files:has-text('kept.txt')");
    assert.equal(await web.inputValue("#text"), "Half an hour of work.");
    assert.equal(await web.inputValue("#subject"), "Not to be lost");
    await web.waitForSelector(".draft-state:has-text('Draft kept')");
    await test.shot(web, "webmail-written-on");
    // What is told covers no button, and a draft is no new mail.
    assert.equal(await web.locator(".notice:has-text('arrived')").count(), 0);
    await web.click(".send");
    await web.waitForSelector(".notice:has-text('Message sent')");
    assert.match(await running.arrived("andrea", "kept.txt"), /Half an hour of work/);
  },

  "Escape closes a menu, and not the message below it": async (test) => {
    const { web } = await logIn(test);
    await read(web, "A book is due");
    await web.click(".tools .menu-button");
    await web.waitForSelector(".tools .menu-item");
    await web.keyboard.press("Escape");
    await web.waitForSelector(".tools .menu-item", { state: "hidden" });
    assert.ok(await web.isVisible(".subject"));
  },

  "between a phone and a desk the reader has room": async (test) => {
    for (const width of [830, 900, 1024]) {
      const { web } = await logIn(test, { viewport: { width, height: 700 } });
      await read(web, "A book is due");
      const inside = await web.evaluate(() => {
        const [reader, tools, date] = [".reader", ".tools", ".when"].map((name) =>
          document.querySelector(name));
        const { right } = reader.getBoundingClientRect();
        return tools.scrollWidth <= tools.clientWidth
          && date.getBoundingClientRect().right <= right;
      });
      assert.ok(inside, `${width} pixels`);
      await web.locator(".row .tick").first().click();
      await web.waitForSelector(".marked-bar:has-text('1 selected')");
      await test.shot(web, `webmail-${width}`);
    }
  },

  "several messages are selected, read, moved and brought back at once": async (test) => {
    const { web, running } = await logIn(test);
    await isWatched(web);
    const names = ["Many one", "Many two", "Many three"];
    for (const name of names) {
      await running.deliver("carlos", mail("Bea <bea@umass.edu>", name, "Text.\r\n"));
      await row(web, name).waitFor();
    }
    await row(web, "Many one").locator(".tick").click();
    await web.waitForSelector(".marked-bar:has-text('1 selected')");
    // With Shift all in between.
    await row(web, "Many three").locator(".tick").click({ modifiers: ["Shift"] });
    await web.waitForSelector(".marked-bar:has-text('3 selected')");
    await test.shot(web, "webmail-selected");
    await isAccessible(web, "selected");
    await web.click(".marked-bar [aria-label='Mark as read']");
    for (const name of names) await web.waitForSelector(`.row:not(.fresh):has-text('${name}')`);
    assert.ok(!await web.isVisible(".marked-bar"));
    // By keys: the first three rows.
    await row(web, "Many three").locator(".row-open").click();
    await web.waitForSelector(".subject:has-text('Many three')");
    await web.keyboard.press("u");
    for (const key of ["m", "j", "m", "j", "m"]) await web.keyboard.press(key);
    await web.waitForSelector(".marked-bar:has-text('3 selected')");
    assert.ok(await web.isVisible(".marked-bar [aria-label=Archive]"));
    await web.keyboard.press("#");
    await web.waitForSelector(".notice:has-text('3 messages moved to the trash')");
    for (const name of names) assert.equal(await row(web, name).count(), 0);
    await web.click(".notice .undo");
    for (const name of names) await row(web, name).waitFor();
    await web.keyboard.press("Escape");
    await row(web, "Many two").locator(".tick").click();
    await web.click(".marked-bar :text('Select all')");
    const all = await web.locator(".row.marked").count();
    assert.equal(all, await web.locator(".row").count());
    await web.keyboard.press("Escape");
    await web.waitForSelector(".row.marked", { state: "detached" });
    assert.ok(!await web.isVisible(".marked-bar"));
  },

  "on paper there is the message, the whole of it": async (test) => {
    const { web, running } = await logIn(test);
    await isWatched(web);
    const lines = Array.from({ length: 90 }, (_, index) => `Line ${index}.`).join("\r\n");
    await running.deliver("carlos", mail("Bea <bea@umass.edu>", "To print", `${lines}\r\n`));
    await read(web, "To print");
    await web.emulateMedia({ media: "print" });
    for (const part of [".bar", ".folders", ".list", ".tools"]) {
      assert.ok(!await web.isVisible(part), part);
    }
    const { inner, outer } = await web.locator(".message-scroll").evaluate((element) =>
      ({ inner: element.scrollHeight, outer: element.clientHeight }));
    assert.ok(inner <= outer && inner > 1000, `${inner} of ${outer} pixels`);
    const color = await web.locator(".text").evaluate((text) => getComputedStyle(text).color);
    assert.equal(color, "rgb(17, 17, 17)", "dark on white, also where the page is dark");
    await test.shot(web, "webmail-print");
  },

  "a long name of a folder moves nothing out of the window": async (test) => {
    const { web } = await logIn(test);
    const name = "Networks and communications of the second semester";
    await web.click(".new-folder");
    await web.fill("#folder-name", name);
    await web.keyboard.press("Enter");
    await web.waitForSelector(`[data-folder='${name}'].current`);
    await web.locator(`[data-folder='${name}'] + .folder-menu .menu-button`).click();
    assert.equal(await web.locator(".folders").evaluate((folders) => folders.scrollLeft), 0);
    assert.ok(await web.locator(".folders").evaluate((folders) =>
      folders.scrollWidth <= folders.clientWidth));
    await test.shot(web, "webmail-long-folder");
    await web.click("[data-item=delete_folder]");
    await web.click("dialog .danger");
    await web.waitForSelector(`[data-folder='${name}']`, { state: "detached" });
  },

  "folders keep the focus and an open menu while their numbers change": async (test) => {
    const { web, running } = await logIn(test);
    await web.click(".new-folder");
    await web.fill("#folder-name", "Steady");
    await web.keyboard.press("Enter");
    await web.waitForSelector("[data-folder=Steady].current");
    await web.click("[data-folder=INBOX]");
    await isWatched(web);
    const unread = () => web.textContent("[data-folder=INBOX] .count");
    const arrives = async (subject) => {
      const before = await unread();
      await running.deliver("carlos", mail("Bea <bea@umass.edu>", subject, "Text.\r\n"));
      await web.waitForFunction((old) =>
        document.querySelector("[data-folder=INBOX] .count").textContent !== old, before);
    };
    await web.focus("[data-folder=INBOX]");
    await arrives("Steady one");
    assert.equal(await web.evaluate(() => document.activeElement.dataset.folder), "INBOX");
    await web.hover("[data-folder=Steady]");
    await web.click("[data-folder=Steady] + .folder-menu .menu-button");
    await arrives("Steady two");
    await web.click("[data-item=delete_folder]");
    await web.click("dialog .danger");
    await web.waitForSelector("[data-folder=Steady]", { state: "detached" });
  },

  "Enter opens the chosen message, also after a click on another": async (test) => {
    const { web } = await logIn(test);
    await web.locator(".row .row-open").first().click();
    await web.waitForSelector(".message");
    await web.keyboard.press("u");
    await web.waitForSelector(".message", { state: "detached" });
    await web.keyboard.press("j");
    const uid = await web.locator(".row").nth(1).getAttribute("data-uid");
    await web.waitForSelector(`.row.chosen[data-uid='${uid}']`);
    await web.keyboard.press("Enter");
    await web.waitForSelector(`.message[data-uid='${uid}']`);
  },
});
