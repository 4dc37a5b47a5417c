// A mail server for the tests of webmail: Dovecot with two accounts, a
// submission server that puts what it gets into their mailboxes, and the gateway
// in front of both.

import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync,
  writeFileSync,
} from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";

const DOVECOT = "/usr/sbin/dovecot";
/** Whoever Dovecot serves mail as when root starts it: nobody. */
const NOBODY = 65534;
export const PEOPLE = ["carlos", "andrea"];
export const DOMAIN = "urosario.edu.co";
const TRIES = 400;
const PAUSE_MS = 50;

export class Skipped extends Error {
  skipped = true;
}

const listen = (server) => new Promise((resolve, reject) => {
  server.on("error", reject);
  server.listen(0, "127.0.0.1", () => resolve(server.address().port));
});

export async function freePort() {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function until(there, what) {
  for (let count = 0; count < TRIES; count += 1) {
    if (await there()) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(`${what} did not come up`);
}

const answers = (port) => new Promise((resolve) => {
  const socket = createConnection({ port, host: "127.0.0.1" });
  socket.on("connect", () => socket.destroy());
  socket.on("close", (failed) => resolve(!failed));
  socket.on("error", () => {});
});

function config(folder, port, root) {
  const own = userInfo();
  const [uid, gid] = root ? [NOBODY, NOBODY] : [own.uid, own.gid];
  const users = root ? "" : `default_internal_user = ${own.username}
default_login_user = ${own.username}
default_internal_group = ${spawnSync("id", ["-gn"]).stdout.toString().trim()}
`;
  const mailbox = (name) =>
    `  mailbox ${name} {\n    special_use = \\${name}\n    auto = create\n  }\n`;
  return `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:${folder}/mail/%n
first_valid_uid = 1
first_valid_gid = 1
auth_mechanisms = plain login scram-sha-256
mail_max_userip_connections = 200
${users}passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%n ${folder}/users
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${folder}/mail/%n
}
namespace inbox {
  inbox = yes
  separator = /
${["Drafts", "Sent", "Archive", "Trash"].map(mailbox).join("")}}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`;
}

/** A submission server that knows just what a client says (RFC 5321 §4.1). */
function submission(deliver, sent) {
  return createServer((socket) => {
    let [waiting, data, to] = ["", null, []];
    socket.on("error", () => {});
    socket.write("220 submission ESMTP\r\n");
    socket.on("data", (bytes) => {
      waiting += bytes.toString("latin1");
      for (let end = waiting.indexOf("\r\n"); end >= 0; end = waiting.indexOf("\r\n")) {
        const line = waiting.slice(0, end);
        waiting = waiting.slice(end + 2);
        if (data !== null) {
          if (line !== ".") {
            data += `${line.startsWith(".") ? line.slice(1) : line}\r\n`;
            continue;
          }
          sent.push({ to, data });
          to.forEach((address) => deliver(address.split("@")[0], data));
          [data, to] = [null, []];
          socket.write("250 2.0.0 queued\r\n");
        } else if (/^EHLO/i.test(line)) {
          const offers = ["submission", "AUTH PLAIN", "ENHANCEDSTATUSCODES"];
          socket.write(`${offers.map((offer) => `250-${offer}\r\n`).join("")}250 8BITMIME\r\n`);
        } else if (/^AUTH PLAIN /i.test(line)) {
          socket.write("235 2.7.0 welcome\r\n");
        } else if (/^RCPT TO:/i.test(line)) {
          const address = /<([^>]*)>/.exec(line)[1];
          const known = PEOPLE.includes(address.split("@")[0]);
          if (known) to.push(address);
          socket.write(known ? "250 2.1.5 ok\r\n" : "550 5.1.1 nobody of that name\r\n");
        } else if (/^DATA/i.test(line)) {
          data = "";
          socket.write("354 go on\r\n");
        } else if (/^QUIT/i.test(line)) {
          socket.end("221 2.0.0 bye\r\n");
        } else {
          socket.write("250 2.0.0 ok\r\n");
        }
      }
    });
  });
}

/** Starts all of it. `binary` is the lab's, beside which the gateway is built. */
export async function startMail(binary) {
  const program = join(dirname(binary), "examples/webmail");
  if (!existsSync(DOVECOT)) throw new Skipped("dovecot");
  if (!existsSync(program)) throw new Skipped(`${program}; cargo build --examples makes it`);
  const folder = mkdtempSync(join(tmpdir(), "capa7-mail-"));
  const root = process.getuid() === 0;
  if (root) chmodSync(folder, 0o755);
  mkdirSync(join(folder, "mail"));
  if (root) chownSync(join(folder, "mail"), NOBODY, NOBODY);
  const [imap, conf] = [await freePort(), join(folder, "dovecot.conf")];
  writeFileSync(join(folder, "users"), PEOPLE.map((name) => `${name}:{PLAIN}${name}\n`).join(""));
  writeFileSync(conf, config(folder, imap, root));
  const started = spawnSync(DOVECOT, ["-c", conf], { stdio: "ignore" });
  if (started.status !== 0) throw new Error("dovecot does not start");
  let count = 0;
  /** As a delivery agent does: written beside, then renamed. */
  const deliver = async (name, message) => {
    count += 1;
    for (const part of ["", "/tmp", "/new", "/cur"]) {
      const path = join(folder, "mail", name, part);
      mkdirSync(path, { recursive: true });
      if (root) chownSync(path, NOBODY, NOBODY);
    }
    const file = join(folder, "mail", name, "tmp", `${1_800_000_000 + count}.${count}.tests`);
    writeFileSync(file, Buffer.from(message, "latin1"));
    if (root) chownSync(file, NOBODY, NOBODY);
    renameSync(file, file.replace("/tmp/1", "/new/1"));
  };
  const sent = [];
  const smtp = submission(deliver, sent);
  const port = await listen(smtp);
  const gateway = spawn(program,
    ["127.0.0.1:0", `127.0.0.1:${imap}`, `127.0.0.1:${port}`, DOMAIN],
    { stdio: ["pipe", "pipe", "inherit"] });
  let base = "";
  gateway.stdout.on("data", (bytes) => { base += bytes; });
  const stop = () => {
    gateway.stdin.end();
    smtp.close();
    spawnSync(DOVECOT, ["-c", conf, "stop"], { stdio: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(() => answers(imap), "dovecot");
    await until(() => base.includes("\n"), "the gateway");
  } catch (error) {
    console.log(existsSync(join(folder, "log")) ? readFileSync(join(folder, "log"), "utf8") : "");
    stop();
    throw error;
  }
  const arrived = async (name, text) => {
    const last = () => sent.findLast(({ to }) => to.includes(`${name}@${DOMAIN}`));
    await until(() => last()?.data.includes(text), `a message with ${text}`);
    return last().data;
  };
  return { base: base.trim(), secure: false, deliver, arrived, stop, user: (name) => name };
}
