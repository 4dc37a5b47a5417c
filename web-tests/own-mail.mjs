// Our own mail server for the tests of webmail: `capa7 mail serve` with two
// accounts, its webmail by https with a certificate of its own.

import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { DOMAIN, freePort, PEOPLE, Skipped, until } from "./mail.mjs";

/** Both ends take turns by lines; `expect` is how an answer's last line begins. */
async function talk(socket, lines, expect) {
  let [said, wake] = ["", () => {}];
  socket.setEncoding("latin1");
  socket.on("data", (text) => { said += text; wake(); });
  const failed = new Promise((_, reject) => {
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`the server closed: ${said}`)));
  });
  failed.catch(() => {});
  let whole = "";
  for (const [index, line] of [null, ...lines].entries()) {
    if (line !== null) socket.write(Buffer.from(`${line}\r\n`, "latin1"));
    while (!expect(said, index)) {
      await Promise.race([new Promise((resolve) => { wake = resolve; }), failed]);
    }
    whole = said;
    said = "";
  }
  socket.removeAllListeners("close");
  socket.destroy();
  return whole;
}

/** Hands a message to port 25, as another domain's server does. */
async function transfer(port, to, message) {
  const data = message.replace(/^\./gm, "..").replace(/\r\n$/, "");
  await talk(createConnection({ port, host: "127.0.0.1" }), [
    "EHLO mx.tests", "MAIL FROM:<list@tests.example> BODY=8BITMIME",
    `RCPT TO:<${to}@${DOMAIN}>`, "DATA", `${data}\r\n.`,
  ], (said) => {
    const last = /^(\d{3}) .*\r\n$/m.exec(said);
    if (last && !/^[23]/.test(last[1])) throw new Error(said);
    return last !== null;
  });
}

/** The last message of an inbox, if there is one. */
async function lastOf(port, name) {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  const lines = [
    `a1 LOGIN ${name}@${DOMAIN} ${name}`, "a2 EXAMINE INBOX", "a3 FETCH * (BODY.PEEK[])",
  ];
  return talk(socket, lines, (said, index) => (index === 0 ? said.includes("\r\n")
    : new RegExp(`^a${index} (OK|NO|BAD)`, "m").test(said)));
}

/** Starts all of it. */
export async function startOwn(binary) {
  const folder = mkdtempSync(join(tmpdir(), "capa7-own-"));
  chmodSync(folder, 0o700);
  const run = (program, words, input) => {
    const made = spawnSync(program, words, { cwd: folder, input });
    if (made.error?.code === "ENOENT") throw new Skipped(program);
    if (made.status !== 0) throw new Error(`${program}: ${made.stderr}`);
  };
  run("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
    "-nodes", "-days", "2", "-subj", `/CN=mail.${DOMAIN}`, "-addext",
    "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "chain.pem"]);
  const [smtp, imaps, web] = [await freePort(), await freePort(), await freePort()];
  writeFileSync(join(folder, "mail.toml"), `hostname = "mail.${DOMAIN}"
domains = ["${DOMAIN}"]
data = "data"
users = "users.toml"
resolver = "127.0.0.1:9"

[tls]
certificate = "chain.pem"
key = "key.pem"

[[listen]]
at = "127.0.0.1:${smtp}"
service = "smtp"

[[listen]]
at = "127.0.0.1:${imaps}"
service = "imap"
tls = "implicit"

[webmail]
at = "127.0.0.1:${web}"
`);
  if (!existsSync(binary)) throw new Skipped(binary);
  for (const name of PEOPLE) {
    run(binary, ["mail", "user", "add", `${name}@${DOMAIN}`], `${name}\n`);
  }
  const server = spawn(binary, ["mail", "serve", "--config", "mail.toml"],
    { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const output of [server.stdout, server.stderr]) {
    output.on("data", (bytes) => { said += bytes; });
  }
  const stop = () => {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(() => said.includes("serving"), "capa7 mail serve");
  } catch (error) {
    stop();
    throw new Error(`${error.message}: ${said}`);
  }
  const arrived = async (name, text) => {
    let last = "";
    await until(async () => {
      last = await lastOf(imaps, name);
      return last.includes(text);
    }, `a message with ${text}`);
    return last;
  };
  return {
    base: `https://127.0.0.1:${web}`, secure: true, stop, arrived,
    user: (name) => `${name}@${DOMAIN}`,
    deliver: (name, message) => transfer(smtp, name, message),
  };
}
