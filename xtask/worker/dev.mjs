// `cargo xtask worker dev`: the Worker in workerd on this machine, until a signal comes.
//
// `node dev.mjs <folder with node_modules> <folder of the Worker> <JSON: port, demo, persist>`

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { load } from "./demo.mjs";
import { chore, start } from "./host.mjs";

const [tools, worker, text] = process.argv.slice(2);
const { port, demo, persist, vars } = JSON.parse(text);

const temporary = persist ?? mkdtempSync(join(tmpdir(), "stratus-worker-"));
const token = process.env.STRATUS_ADMIN_TOKEN || randomBytes(32).toString("base64url");
const bindings = { STRATUS_LOG: "info", ...vars, STRATUS_ADMIN_TOKEN: token };

const log = (stdout, stderr) => {
  stdout.pipe(process.stderr);
  stderr.pipe(process.stderr);
};

let workerd;
let isStopping = false;

async function stop(code) {
  if (isStopping) return;
  isStopping = true;
  await workerd?.dispose().catch(() => {});
  if (!persist) rmSync(temporary, { recursive: true, force: true });
  process.exit(code);
}
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => stop(0));

/** Migrated and filled before anything listens where clients ask. */
async function prepare() {
  workerd = start({ tools, worker, persist: temporary, bindings: { ...bindings, STRATUS_LOG: "warn" }, log });
  const base = await workerd.ready;
  const { applied, columns, indexes } = await chore(workerd, "migrate");
  const added = applied.length + columns.length + indexes.length;
  if (added > 0) console.error(`${applied.length} migrations, ${columns.length} columns, ${indexes.length} indexes`);
  if (demo) console.error(`the demo: ${await load(base, token, demo)} documents`);
  await workerd.dispose();
}

try {
  await prepare();
  if (!isStopping) {
    workerd = start({ tools, worker, port, persist: temporary, bindings, log });
    const url = await workerd.ready;
    if (!process.env.STRATUS_ADMIN_TOKEN) console.error(`admin token (until it stops): ${token}`);
    console.log(`listening on http://127.0.0.1:${url.port}`);
  }
} catch (error) {
  if (!isStopping) console.error(`error: ${error.message}`);
  await stop(1);
}
