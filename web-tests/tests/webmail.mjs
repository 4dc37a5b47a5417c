// Webmail as people use it, in front of Dovecot and of our own server.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { until } from "../mail.mjs";
import { fitsItsWindow } from "../tools.mjs";
import {
  answer, CONVERSATION, isAccessible, isWatched, logIn, mail, openWeb, overEach, PHONE, read, row,
} from "../webmail-tools.mjs";

export default overEach({
  "a wrong password is told, the right one opens the inbox": async (test) => {
    const { web, running } = await openWeb(test, { errorsExpected: true });
    await test.shot(web, "webmail-login");
    await isAccessible(web, "login");
    await web.fill("#user", running.user("carlos"));
    await web.fill("#password", "wrong");
    await web.click(".login-card .primary");
    await web.waitForSelector(".login-trouble:has-text('not right')");
    await web.fill("#password", "carlos");
    await web.keyboard.press("Enter");
    await row(web, "Lunch on Thursday?").waitFor();
    await web.waitForFunction(() =>
      document.querySelector(".folder.current")?.textContent === "Inbox7");
    await test.shot(web, "webmail-list");
    const cookies = await web.context().cookies();
    assert.ok(cookies[0].httpOnly && cookies[0].sameSite === "Strict");
    assert.equal(cookies[0].secure, running.secure);
    // RFC 6797: a browser that came by https does not go back to http.
    const { "strict-transport-security": strict } = (await web.request.get(running.base)).headers();
    assert.equal(Boolean(strict), running.secure);
  },

  "a message is read, marked as read, and its file is saved": async (test) => {
    const { web } = await logIn(test, { errorsExpected: true });
    await read(web, "Lunch on Thursday?");
    assert.match(await web.textContent(".text"), /shall we have lunch/);
    assert.match(await web.textContent(".from"), /Andrea Muñoz/);
    await web.waitForSelector(".row:not(.fresh):has-text('Lunch')");
    await test.shot(web, "webmail-read-dark");
    await isAccessible(web, "reading, dark");
    await web.click(".theme-button");
    await test.shot(web, "webmail-read-light");
    await isAccessible(web, "reading, light");
    await read(web, "Minutes of the meeting");
    const saved = web.waitForEvent("download");
    await web.click(".file");
    const file = await saved;
    assert.equal(file.suggestedFilename(), "minutes.pdf");
    assert.equal(readFileSync(await file.path(), "latin1"), "%PDF-1.4\n");
    await test.shot(web, "webmail-file");
  },

  "HTML is cleaned, its own image shown, a remote one only when asked for":
    async (test) => {
      const { web } = await logIn(test, { errorsExpected: true });
      const asked = [];
      web.on("request", (request) => asked.push(request.url()));
      await read(web, "Your order is on its way");
      const frame = web.frameLocator("iframe.html");
      await frame.locator("h2").waitFor();
      assert.equal(await frame.locator("script, [onclick]").count(), 0);
      assert.equal(await web.evaluate(() => window.hacked), undefined);
      const width = await frame.locator("img[alt=own]")
        .evaluate((image) => image.decode().then(() => image.naturalWidth));
      assert.equal(width, 1, "the message's own image is loaded");
      assert.ok(!asked.some((url) => url.includes("track.gif")), "nothing remote is fetched");
      const place = await frame.locator("img[alt=remote]")
        .evaluate((image) => image.decode().then(() => image.complete));
      assert.ok(place, "its place is kept, and is no broken image");
      await web.waitForSelector(".images:not([hidden])");
      await test.shot(web, "webmail-html");
      const fetched = web.waitForRequest((request) => request.url().includes("track.gif"));
      await web.click(".images button");
      await fetched;
    },

  "words are searched for in the whole message": async (test) => {
    const { web } = await logIn(test);
    await web.keyboard.press("/");
    await web.keyboard.type("networking from:library");
    await web.keyboard.press("Enter");
    await web.waitForSelector(".list-head h1:has-text('networking')");
    await web.waitForFunction(() => document.querySelectorAll(".row").length === 1);
    assert.ok(await row(web, "A book is due").isVisible());
    await test.shot(web, "webmail-search");
    await web.click("[aria-label='End the search']");
    await web.waitForFunction(() => document.querySelectorAll(".row").length > 5);
  },

  "a message is written with a file, kept as a draft, and sent": async (test) => {
    const { web, running } = await logIn(test);
    await web.click(".compose-button");
    await web.fill("#to", "Andrea Muñoz <andrea@urosario.edu.co>");
    await web.fill("#subject", "El informe del año");
    await web.fill("#text", "Hola Andrea,\n\n.aquí va el informe.\n\nCarlos");
    await web.setInputFiles(".composer input[type=file]",
      { name: "informe.txt", mimeType: "text/plain", buffer: Buffer.from("cifras") });
    await web.waitForSelector(".composer .chosen-files:has-text('informe.txt')");
    await web.waitForSelector(".draft-state:has-text('Draft kept')");
    await test.shot(web, "webmail-compose");
    await isAccessible(web, "composing");
    await web.click("[aria-label='Close and keep the draft']");
    await web.click("[data-folder=Drafts]");
    await row(web, "El informe del año").locator(".row-open").click();
    await web.waitForSelector(".composer .chosen-files:has-text('informe.txt')");
    assert.match(await web.inputValue("#text"), /\.aquí va/);
    await web.click(".send");
    await web.waitForSelector(".notice:has-text('Message sent')");
    const data = await running.arrived("andrea", "informe.txt");
    assert.match(data, /filename="?informe\.txt/);
    assert.match(data, /\r\n\.aqu=C3=AD va|\r\n\.aquÃ­ va/);
    await web.click("[data-folder=Sent]");
    await row(web, "El informe del año").waitFor();
    await web.click("[data-folder=Drafts]");
    await web.waitForSelector(".list .nothing");
  },

  "nobody of that name is told, and the draft stays": async (test) => {
    const { web } = await logIn(test, { errorsExpected: true });
    await web.keyboard.press("c");
    await web.fill("#to", "nobody@urosario.edu.co");
    await web.fill("#text", "?");
    await web.click(".send");
    await web.waitForSelector(".notice.bad:has-text('nobody@urosario.edu.co: 550')");
    assert.equal(await web.inputValue("#text"), "?");
    await web.click(".discard");
    await web.waitForSelector(".composer", { state: "detached" });
    assert.equal(await web.locator(".notice.bad").count(), 0);
  },

  "a reply quotes, goes to the sender, and marks what it answers": async (test) => {
    const { web, running } = await logIn(test);
    await read(web, "Lunch on Thursday?");
    await web.keyboard.press("r");
    await web.waitForSelector(".composer");
    assert.match(await web.inputValue("#to"), /andrea@urosario\.edu\.co/);
    assert.equal(await web.inputValue("#subject"), "Re: Lunch on Thursday?");
    assert.match(await web.inputValue("#text"), /> shall we have lunch/);
    await web.keyboard.type("Yes, gladly.");
    await web.keyboard.press("Control+Enter");
    await web.waitForSelector(".composer", { state: "detached" });
    const data = await running.arrived("andrea", "gladly");
    assert.match(data, /In-Reply-To: <LunchonThursday@umass\.edu>/);
    await web.waitForSelector(".row:has-text('Lunch') .answered");
  },

  "messages are moved, thrown away, and gone for good": async (test) => {
    const { web } = await logIn(test);
    await web.click(".new-folder");
    await web.fill("#folder-name", "Año 2027");
    await web.keyboard.press("Enter");
    await web.waitForSelector(".list .nothing");
    await web.click("[data-folder=INBOX]");
    await read(web, "Dates of the term");
    await web.keyboard.press("v");
    await web.click("dialog [data-folder='Año 2027']");
    await web.waitForSelector(".notice:has-text('Moved to Año 2027')");
    assert.equal(await row(web, "Dates of the term").count(), 0);
    await web.click("[data-folder='Año 2027']");
    await row(web, "Dates of the term").waitFor();
    await read(web, "Dates of the term");
    await web.click(".tools .delete");
    await web.waitForSelector(".notice:has-text('trash')");
    await web.click("[data-folder=Trash]");
    await read(web, "Dates of the term");
    await web.keyboard.press("#");
    await web.waitForSelector(".notice:has-text('for good')");
    await web.waitForSelector(".list .nothing");
  },

  "a message is put aside with one key, and the trash is emptied": async (test) => {
    const { web, running } = await logIn(test);
    await isWatched(web);
    for (const name of ["Aside", "Refuse one", "Refuse two"]) {
      await running.deliver("carlos", mail("Bea <bea@umass.edu>", name, "Text.\r\n"));
      await row(web, name).waitFor();
    }
    await read(web, "Aside");
    await web.keyboard.press("e");
    await web.waitForSelector(".notice:has-text('Moved to Archive')");
    for (const name of ["Refuse one", "Refuse two"]) {
      await read(web, name);
      await web.keyboard.press("#");
      await row(web, name).waitFor({ state: "detached" });
    }
    await web.click("[data-folder=Archive]");
    await row(web, "Aside").waitFor();
    assert.equal(await web.locator(".empty-button").count(), 0);
    await web.click("[data-folder=Trash]");
    await row(web, "Refuse two").waitFor();
    await web.click(".empty-button");
    await web.waitForSelector("dialog:has-text('gone for good')");
    await isAccessible(web, "emptying");
    await web.click("dialog .danger");
    await web.waitForSelector(".notice:has-text('The folder is empty')");
    await web.waitForSelector(".list .nothing");
  },

  "what is quoted is set apart, and much of it waits behind a button": async (test) => {
    const { web, running } = await logIn(test);
    await isWatched(web);
    const long = Array.from({ length: 12 }, (_, index) => `> line ${index}`).join("\r\n");
    await running.deliver("carlos", mail("Bea <bea@umass.edu>", "Quotations",
      `> first\r\n>> second\r\nAn answer.\r\n\r\n${long}\r\n-- \r\nBea\r\n`));
    await read(web, "Quotations");
    assert.equal(await web.textContent(".text > .quoted .quoted"), "second");
    assert.equal(await web.textContent(".text .signature"), "-- Bea");
    assert.ok(!await web.isVisible(".text >> text=line 7"));
    await isAccessible(web, "quotations");
    await web.click(".quote summary");
    assert.ok(await web.isVisible(".text >> text=line 7"));
    // An answer quotes all of it, as it came.
    await web.keyboard.press("r");
    await web.waitForSelector(".composer");
    assert.match(await web.inputValue("#text"), /^> ?> line 11$/m);
    await web.locator(".discard").click();
    await web.waitForSelector(".composer", { state: "detached" });
  },

  "a draft is written on from the keyboard, and a folder that is gone leads to the inbox":
    async (test) => {
      const { web, running } = await logIn(test, { errorsExpected: true });
      await web.keyboard.press("c");
      await web.fill("#subject", "Begun");
      await web.keyboard.press("Escape");
      await web.waitForSelector(".composer", { state: "detached" });
      await web.click("[data-folder=Drafts]");
      await row(web, "Begun").waitFor();
      await web.keyboard.press("j");
      await web.keyboard.press("o");
      await web.waitForSelector(".composer");
      assert.equal(await web.inputValue("#subject"), "Begun");
      await web.click(".discard");
      await web.waitForSelector(".composer", { state: "detached" });
      const csrf = (await (await web.request.get(`${running.base}/api/session`)).json()).csrf;
      const post = (path, data) => web.request.post(`${running.base}/api/${path}`,
        { headers: { "X-CSRF": csrf }, data });
      await post("folders", { name: "Short-lived" });
      await web.reload();
      await web.click("[data-folder='Short-lived']");
      await web.waitForSelector(".list .nothing");
      await post("folders/delete", { name: "Short-lived" });
      await web.click("[aria-label='Look for new mail']");
      await web.waitForSelector("[data-folder=INBOX].current");
      await web.waitForSelector("[data-folder='Short-lived']", { state: "detached" });
      await web.waitForSelector(".row");
    },

  "whom one knows is offered while an address is typed": async (test) => {
    const { web } = await logIn(test);
    await web.keyboard.press("c");
    await web.locator("#to").pressSequentially("nobody@x.example, mun");
    await web.waitForSelector("#to-offered .offer:has-text('andrea@urosario.edu.co')");
    await isAccessible(web, "offering");
    await test.shot(web, "webmail-offered");
    await web.keyboard.press("ArrowDown");
    assert.equal(await web.getAttribute("#to", "aria-activedescendant"), "to-offered-0");
    await web.keyboard.press("Enter");
    assert.equal(await web.inputValue("#to"),
      "nobody@x.example, Andrea Muñoz <andrea@urosario.edu.co>, ");
    await web.keyboard.type("lib");
    await web.waitForSelector("#to-offered .offer:has-text('Library')");
    // Escape closes what is offered, and not the message.
    await web.keyboard.press("Escape");
    assert.ok(!await web.isVisible("#to-offered"));
    assert.ok(await web.isVisible(".composer"));
    await web.click(".discard");
    await web.waitForSelector(".composer", { state: "detached" });
  },

  "a folder is made, named anew and deleted by its buttons": async (test) => {
    const { web } = await logIn(test, { errorsExpected: true });
    await web.click(".new-folder");
    await web.fill("#folder-name", "Projects");
    await web.keyboard.press("Enter");
    await web.waitForSelector("[data-folder=Projects].current");
    const choose = async (name, what) => {
      await web.hover(`[data-folder='${name}']`);
      await web.click(`[data-folder='${name}'] + .folder-menu .menu-button`);
      await web.click(`[data-item=${what}]`);
    };
    await choose("Projects", "rename");
    assert.equal(await web.inputValue("#folder-name"), "Projects");
    await web.fill("#folder-name", "Proyectos año 3");
    await test.shot(web, "webmail-rename");
    await isAccessible(web, "renaming");
    await web.keyboard.press("Enter");
    await web.waitForSelector("[data-folder='Proyectos año 3'].current");
    await web.waitForSelector("[data-folder=Projects]", { state: "detached" });
    // A name that is taken is told.
    await web.click(".new-folder");
    await web.fill("#folder-name", "Proyectos año 3");
    await web.keyboard.press("Enter");
    await web.waitForSelector(".notice.bad:has-text('refuses')");
    await web.click(".notice.bad button");
    await choose("Proyectos año 3", "delete_folder");
    await web.waitForSelector("dialog:has-text('is empty')");
    await web.click("dialog .danger");
    await web.waitForSelector(".notice:has-text('is deleted')");
    await web.waitForSelector("[data-folder=INBOX].current");
    await web.waitForSelector("[data-folder='Proyectos año 3']", { state: "detached" });
    assert.equal(await web.locator("[data-folder=INBOX] + .folder-menu").count(), 0);
  },

  "what was thrown away or moved comes back by undo": async (test) => {
    const { web } = await logIn(test);
    const before = await web.locator(".row").count();
    await read(web, "Photos");
    await web.click(".tools .delete");
    await web.waitForSelector(".notice:has-text('trash')");
    assert.equal(await row(web, "Photos").count(), 0);
    // The offer stays as long as somebody points at it.
    await web.hover(".notice .undo");
    await test.shot(web, "webmail-undo");
    await isAccessible(web, "undo");
    await web.click(".notice .undo");
    await web.waitForSelector(".notice:has-text('Undone')");
    await row(web, "Photos").waitFor();
    await read(web, "Photos");
    await web.keyboard.press("v");
    await web.click("dialog [data-folder=Archive]");
    await web.waitForSelector(".notice:has-text('Moved to Archive')");
    await web.keyboard.press("z");
    await row(web, "Photos").waitFor();
    assert.equal(await web.locator(".row").count(), before);
  },

  "a conversation is one row, which unfolds": async (test) => {
    const { web, running } = await logIn(test, {}, "andrea");
    await isWatched(web);
    // Each arrives before the next is sent: servers may change the order of
    // messages that come within moments.
    for (const message of CONVERSATION) {
      await running.deliver("andrea", message);
      await row(web, message.trimEnd().split("\r\n").at(-1)).waitFor();
    }
    const head = row(web, "Agreed.");
    await web.waitForFunction(() => document.querySelector(".thread .unfold")?.textContent === "3");
    assert.match(await head.locator(".row-who").textContent(), /^Ana Torres, Luis Pardo$/);
    assert.equal(await row(web, "The one with the racks.").count(), 0);
    await test.shot(web, "webmail-threads-folded");
    await head.locator(".unfold").click();
    await row(web, "The one with the racks.").waitFor();
    assert.equal(await web.locator(".row.child").count(), 2);
    await test.shot(web, "webmail-threads");
    await isAccessible(web, "a conversation");
    await web.keyboard.press("k");
    await web.keyboard.press("x");
    await web.waitForSelector(".row.child", { state: "detached" });
    // Whoever reads the last one sees the others.
    await row(web, "Agreed.").locator(".row-open").click();
    await web.waitForSelector(".row.child");
    await web.waitForSelector(".text:has-text('Agreed.')");
    await web.keyboard.press("j");
    await web.waitForSelector(".text:has-text('The one with the racks.')");
    // A search tells of messages.
    await web.keyboard.press("/");
    await web.keyboard.type("racks");
    await web.keyboard.press("Enter");
    await web.waitForFunction(() => document.querySelectorAll(".row").length === 1);
  },

  "a conversation across 120 messages is one row, and goes as a whole": async (test) => {
    const { web, running } = await logIn(test, {}, "andrea");
    const inbox = async (path) =>
      (await web.request.get(`${running.base}/api/messages?folder=INBOX${path}`)).json();
    const before = (await inbox("")).exists;
    const arrives = async (message, count) => {
      await running.deliver("andrea", message);
      await until(async () => (await inbox("")).exists >= before + count, "a message");
    };
    const topic = "Which racks";
    await arrives(mail("Ana Torres <ana@umass.edu>", topic, "Question.\r\n"), 1);
    for (let count = 1; count <= 118; count += 1) {
      const digest = mail("List <list@umass.edu>", `Digest ${count}`, "News.\r\n");
      await running.deliver("andrea", digest);
    }
    await arrives(answer("Luis Pardo <luis@urosario.edu.co>", topic, "racks2", ["Whichracks"],
      "The answer.\r\n"), 120);
    await web.reload();
    await row(web, "The answer.").locator(".unfold").click();
    await row(web, "Question.").waitFor();
    assert.equal(await web.locator(".row.child").count(), 1);
    assert.equal(await web.locator(".row").first().getAttribute("data-uid"),
      await row(web, "The answer.").getAttribute("data-uid"), "the newest is above");
    await test.shot(web, "webmail-long-conversation");
    assert.match(await web.textContent(".pager"), /of \d{3}/);
    // On the page where its first message was nothing is left of it.
    await web.click("[aria-label=Older]");
    await web.click("[aria-label=Older]");
    await web.waitForSelector(".pager:has-text('101–')");
    assert.equal(await row(web, "Question.").count(), 0);
    await web.click("[aria-label=Newer]");
    await web.click("[aria-label=Newer]");
    await row(web, "The answer.").waitFor();
    // Folded it goes as a whole, and comes back as a whole.
    await row(web, "The answer.").locator(".unfold").click();
    await web.waitForSelector(".row.child", { state: "detached" });
    await web.keyboard.press("j");
    await web.keyboard.press("#");
    await web.waitForSelector(".notice:has-text('2 messages moved to the trash')");
    assert.equal(await row(web, topic).count(), 0);
    await web.keyboard.press("z");
    await web.waitForFunction(() =>
      document.querySelector(".row .unfold")?.textContent === "2");
  },

  "what is written survives the end of the session, and no other user sees it": async (test) => {
    const { web, running } = await logIn(test, { errorsExpected: true });
    await web.keyboard.press("c");
    await web.fill("#to", "Andrea <andrea@urosario.edu.co>, half");
    await web.fill("#subject", "Long letter");
    await web.context().clearCookies();
    await web.fill("#text", "Every word of it.");
    await web.waitForSelector("body[data-view=login]");
    await web.waitForSelector(".login-card:has-text('what you were writing is kept')");
    assert.equal(await web.locator(".composer").count(), 0);
    await test.shot(web, "webmail-session-over");
    const again = async (user) => {
      await web.fill("#user", running.user(user));
      await web.fill("#password", user);
      await web.click(".login-card .primary");
      await web.waitForSelector("body[data-view=mail]");
    };
    await again("carlos");
    await web.waitForSelector(".composer .draft-state:has-text('Draft kept')");
    assert.equal(await web.inputValue("#text"), "Every word of it.");
    // What is no address yet is kept too.
    await web.click("[aria-label='Close and keep the draft']");
    await web.click("[data-folder=Drafts]");
    await row(web, "Long letter").locator(".row-open").click();
    await web.waitForSelector(".composer");
    assert.equal(await web.inputValue("#to"), "Andrea <andrea@urosario.edu.co>, half");
    await web.context().clearCookies();
    await web.fill("#text", "For Carlos only.");
    await web.waitForSelector("body[data-view=login]");
    await again("andrea");
    await web.waitForSelector(".row, .list .nothing");
    assert.equal(await web.locator(".composer").count(), 0);
    await web.keyboard.press("c");
    await web.waitForSelector(".composer");
    assert.equal(await web.inputValue("#text"), "");
    await web.locator(".discard").click();
  },

  "whoever logs out in one window is logged out in the others": async (test) => {
    const { web, running } = await logIn(test, { errorsExpected: true });
    const other = await web.context().newPage();
    await other.goto(running.base);
    await isWatched(other);
    await web.keyboard.press("c");
    await web.fill("#subject", "Not lost by leaving");
    await web.click(".who");
    await web.click(".menu-item:has-text('Log out')");
    await web.waitForSelector("body[data-view=login]");
    await other.waitForSelector("body[data-view=login]");
    // What was being written was kept first.
    await web.fill("#user", running.user("carlos"));
    await web.fill("#password", "carlos");
    await web.click(".login-card .primary");
    await web.click("[data-folder=Drafts]");
    await row(web, "Not lost by leaving").waitFor();
    await web.keyboard.press("j");
    await web.keyboard.press("#");
    await web.waitForSelector(".notice:has-text('trash')");
  },

  "without the gateway nothing written is lost, and the page goes on by itself": async (test) => {
    const { web } = await logIn(test, { errorsExpected: true });
    await isWatched(web);
    await web.keyboard.press("c");
    await web.fill("#subject", "Kept in the page");
    await web.context().setOffline(true);
    await web.fill("#text", "Written offline.");
    await web.waitForSelector(".notice.bad:has-text('does not answer')");
    const failed = web.waitForEvent("requestfailed");
    await web.click("[aria-label='Close and keep the draft']");
    await failed;
    await web.waitForSelector(".draft-state:has-text('is not kept')");
    assert.equal(await web.inputValue("#text"), "Written offline.", "it stays open");
    await test.shot(web, "webmail-offline");
    await isAccessible(web, "offline");
    await web.context().setOffline(false);
    await web.click("[aria-label='Close and keep the draft']");
    await web.waitForSelector(".composer", { state: "detached" });
    await web.click("[data-folder=Drafts]");
    await row(web, "Kept in the page").waitFor();
    await web.keyboard.press("j");
    await web.keyboard.press("#");
    await web.waitForSelector(".notice:has-text('trash')");
  },

  "a file stays with a draft that is kept many times, also when another program takes it":
    async (test) => {
      const { web, running } = await logIn(test, { errorsExpected: true });
      await web.keyboard.press("c");
      await web.fill("#to", "andrea@urosario.edu.co");
      await web.fill("#subject", "Kept thrice");
      await web.setInputFiles(".composer input[type=file]",
        { name: "año.txt", mimeType: "text/plain", buffer: Buffer.from("cifras") });
      await web.waitForSelector(".composer .chosen-files:has-text('año.txt')");
      for (const text of ["One", "Two", "Three"]) {
        await web.waitForSelector(".draft-state:has-text('Draft kept')");
        await web.fill("#text", text);
        await web.waitForSelector(".draft-state:not(:has-text('Draft kept'))");
      }
      await web.waitForSelector(".draft-state:has-text('Draft kept')");
      const drafts = async () =>
        (await (await web.request.get(`${running.base}/api/messages?folder=Drafts`)).json());
      const mine = (await drafts()).messages.filter((one) => one.subject === "Kept thrice");
      assert.equal(mine.length, 1);
      const csrf = (await (await web.request.get(`${running.base}/api/session`)).json()).csrf;
      const gone = await web.request.post(`${running.base}/api/delete`, {
        headers: { "X-CSRF": csrf }, data: { folder: "Drafts", uids: [mine[0].uid] },
      });
      assert.equal(gone.status(), 200);
      // Pressed twice, it is sent once.
      await web.evaluate(() => {
        const send = document.querySelector(".send");
        send.click();
        send.click();
      });
      await web.waitForSelector(".notice:has-text('Message sent')");
      assert.match(await running.arrived("andrea", "Y2lmcmFz"), /Three/);
      await web.click("[data-folder=Sent]");
      await row(web, "Kept thrice").first().waitFor();
      assert.equal(await row(web, "Kept thrice").count(), 1);
    },

  "a message that another program took away is told, and leaves the list": async (test) => {
    const { web, running } = await openWeb(test, { errorsExpected: true });
    const list = async () =>
      (await web.request.get(`${running.base}/api/messages?folder=INBOX`)).json();
    // No news come: the list is as old as its last loading.
    await web.route("**/api/events*", (route) => route.abort());
    await running.deliver("carlos", mail("Bea <bea@umass.edu>", "Soon gone", "Bye.\r\n"));
    await web.fill("#user", running.user("carlos"));
    await web.fill("#password", "carlos");
    await web.click(".login-card .primary");
    await web.waitForSelector(".away:has-text('Not connected')");
    await until(async () => (await list()).messages?.some((one) => one.subject === "Soon gone"),
      "a message");
    await web.click("[aria-label='Look for new mail']");
    await row(web, "Soon gone").waitFor();
    // Of the two lists that were asked for, the last is here.
    await web.waitForSelector("#list[aria-busy=false]");
    const uid = Number(await row(web, "Soon gone").getAttribute("data-uid"));
    const csrf = (await (await web.request.get(`${running.base}/api/session`)).json()).csrf;
    await web.request.post(`${running.base}/api/delete`,
      { headers: { "X-CSRF": csrf }, data: { folder: "INBOX", uids: [uid] } });
    await test.shot(web, "webmail-away");
    await row(web, "Soon gone").locator(".row-open").click();
    await web.waitForSelector(".notice.bad:has-text('not there any more')");
    await row(web, "Soon gone").waitFor({ state: "detached" });
  },

  "with the keyboard alone somebody logs in, reads, answers and throws away": async (test) => {
    const { web, running } = await openWeb(test);
    await web.locator("#user").focus();
    await web.keyboard.type(running.user("carlos"));
    await web.keyboard.press("Tab");
    await web.keyboard.type("carlos");
    await web.keyboard.press("Enter");
    await row(web, "A book is due").waitFor();
    for (let count = 0; count < 20; count += 1) {
      await web.keyboard.press("j");
      if (await web.locator(".row.chosen:has-text('A book is due')").count() > 0) break;
    }
    await web.keyboard.press("Enter");
    await web.waitForSelector(".subject:has-text('A book is due')");
    await web.keyboard.press("f");
    await web.waitForSelector(".composer");
    await web.keyboard.type("andrea@urosario.edu.co");
    await web.keyboard.press("Control+Enter");
    await web.waitForSelector(".notice:has-text('Message sent')");
    assert.match(await running.arrived("andrea", "due on Friday"), /Subject: Fwd: A book is due/);
    await web.waitForSelector(".composer", { state: "detached" });
    await web.keyboard.press("#");
    await web.waitForSelector(".notice:has-text('trash')");
    await web.keyboard.press("z");
    await row(web, "A book is due").waitFor();
  },

  "new mail appears by itself": async (test) => {
    const { web, running } = await logIn(test);
    await isWatched(web);
    await running.deliver("carlos", mail("Bea <bea@umass.edu>", "Just now", "Fresh.\r\n"));
    await Promise.all([
      row(web, "Just now").waitFor(), web.waitForSelector(".notice:has-text('arrived')"),
    ]);
    await test.shot(web, "webmail-arrived");
  },

  "in Spanish every text is Spanish": async (test) => {
    const { web, running } = await logIn(test, { locale: "es-CO" });
    assert.equal(await web.getAttribute("html", "lang"), "es");
    const load = async (name) =>
      (await web.request.get(`${running.base}/text/${name}.json`)).json();
    const [english, spanish] = [await load("en"), await load("es")];
    const shown = await web.evaluate(() => document.body.innerText);
    assert.ok(shown.includes(spanish.compose) && shown.includes(spanish.folder_inbox));
    for (const key of Object.keys(english).filter((name) => name.includes("_"))) {
      assert.ok(!shown.includes(key), `the key ${key} is shown`);
    }
    await test.shot(web, "webmail-spanish");
  },

  "everything is reached by keys, and ? lists them": async (test) => {
    const { web } = await logIn(test, { errorsExpected: true });
    await web.keyboard.press("j");
    await web.keyboard.press("j");
    await web.keyboard.press("k");
    assert.ok(await web.locator(".row").first().evaluate((e) => e.classList.contains("chosen")));
    await web.keyboard.press("o");
    await web.waitForSelector(".message");
    await web.keyboard.press("u");
    await web.waitForSelector(".message", { state: "detached" });
    await web.keyboard.press("s");
    await web.waitForSelector(".row .star.on");
    await web.keyboard.press("?");
    await web.waitForSelector("dialog[open] .keys-table");
    const keys = await web.locator("dialog kbd").allTextContents();
    for (const key of ["j", "k", "r", "c", "/", "?"]) assert.ok(keys.includes(key), key);
    await test.shot(web, "webmail-keys");
    await web.keyboard.press("Escape");
    await web.waitForSelector("dialog", { state: "detached" });
    await web.keyboard.press("s");
    await web.waitForSelector(".row .star.on", { state: "detached" });
  },

  "on a phone one pane fills the window": async (test) => {
    for (const colorScheme of ["dark", "light"]) {
      const options = { ...PHONE, colorScheme, errorsExpected: true, reducedMotion: "reduce" };
      const { web } = await logIn(test, options);
      await fitsItsWindow(web);
      await test.shot(web, `webmail-phone-list-${colorScheme}`);
      await web.locator(".to-folders").tap();
      await web.locator("[data-folder=Trash]").waitFor();
      await test.shot(web, `webmail-phone-folders-${colorScheme}`);
      await web.locator("[data-folder=INBOX]").tap();
      await row(web, "Lunch").locator(".row-open").tap();
      await web.waitForSelector(".message .subject");
      assert.ok(!await web.isVisible("#list"));
      await fitsItsWindow(web);
      await isAccessible(web, `phone, ${colorScheme}`);
      await test.shot(web, `webmail-phone-read-${colorScheme}`);
      await web.locator(".to-list").tap();
      await web.locator(".compose-float").tap();
      await web.waitForSelector(".composer");
      await fitsItsWindow(web);
      await test.shot(web, `webmail-phone-compose-${colorScheme}`);
      await web.locator(".discard").tap();
    }
  },
});
