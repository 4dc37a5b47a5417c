// A lab of our own for the tests: a fixed seed, a free port, a run-time
// folder of its own, so that no other lab of this machine is touched.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SEED = "7";
/** How often the page is asked whether it is there, and how long between. */
const TRIES = 100;
const PAUSE_MS = 100;

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export async function startLab(binary) {
  const folder = mkdtempSync(join(tmpdir(), "capa7-web-"));
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const told = [];
  const child = spawn(binary, ["lab", "--seed", SEED, "--name", "web-tests",
    "--http", `127.0.0.1:${port}`], { env: { ...process.env, XDG_RUNTIME_DIR: folder } });
  let ended = false;
  child.on("exit", () => { ended = true; });
  for (const out of [child.stdout, child.stderr]) out.on("data", (data) => told.push(data));
  const stop = () => {
    child.kill("SIGTERM");
    rmSync(folder, { recursive: true, force: true });
  };
  for (let count = 0; count < TRIES && !ended; count += 1) {
    const there = await fetch(`${base}/api/status`).then((answer) => answer.ok, () => false);
    if (there) return { base, stop };
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  stop();
  throw new Error(`the lab did not start: ${Buffer.concat(told)}`);
}
