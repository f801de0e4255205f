// What must hold of the Worker, in workerd: one process of it for everything, asked by name.
//
// `node test.mjs <folder with node_modules> <folder of the Worker> <folder of the demo>`

import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { load } from "./demo.mjs";
import { chore, start } from "./host.mjs";
import { cases, last } from "./cases.mjs";
import { faults } from "./faults.mjs";

const [tools, worker, demo] = process.argv.slice(2);
const TOKEN = "0123456789abcdef0123456789abcdef";
const SECONDS_PER_CASE = 120;
/** More than the Worker itself takes: what it says then is worth more than that it was silent. */
const SECONDS_PER_ANSWER = 45;

const state = mkdtempSync(join(tmpdir(), "stratus-worker-test-"));
let log = "";
const collect = (stdout, stderr) => {
  for (const stream of [stdout, stderr]) stream.on("data", (text) => (log += text));
};

/** The Worker with bindings of its own, on the database that all share. */
const host = (bindings, options) =>
  start({ tools, worker, persist: state, bindings: { STRATUS_ADMIN_TOKEN: TOKEN, ...bindings }, log: collect, ...options });

/** Has `run` ask a Worker on a database of its own. */
async function elsewhere({ bindings, ...options }, run) {
  const persist = mkdtempSync(join(state, "elsewhere-"));
  const workerd = host(bindings, { ...options, persist });
  try {
    await run(worldOf(workerd, await workerd.ready));
  } finally {
    await workerd.dispose();
  }
}

copyFileSync(join(import.meta.dirname, "faulty.js"), join(worker, "faulty.js"));

/** What a case works with. */
const worldOf = (workerd, base) => ({
  base,
  token: TOKEN,
  host,
  elsewhere,
  log: () => log,
  database: () => workerd.getD1Database("DB", "stratus"),
  direct: (name) => workerd.unsafeGetDirectURL(name),
  chore: (name) => chore(workerd, name),
  scheduled: async () => (await workerd.getWorker("stratus")).scheduled({ cron: "* * * * *" }),
  loadDemo: () => load(base, TOKEN, demo),

  /** Asks, and hands back status, headers and the body as text and, where it is, as JSON. */
  async ask(method, path, { token, body, headers = {}, signal, at = base, ...more } = {}) {
    if (token) headers.authorization = `Bearer ${token === true ? TOKEN : token}`;
    if (body !== undefined && typeof body === "object" && !(body instanceof ReadableStream)) {
      body = JSON.stringify(body);
      headers["content-type"] ??= "application/json";
    }
    // workerd closes what is idle for some seconds, and may do so just when it is used again.
    headers.connection = "close";
    const late = AbortSignal.timeout(SECONDS_PER_ANSWER * 1000);
    signal = signal ? AbortSignal.any([signal, late]) : late;
    const answer = await fetch(new URL(path, at), { method, headers, body, signal, redirect: "manual", ...more });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get("content-type") ?? "");
    return { status: answer.status, headers: answer.headers, text, json: isJson && text ? JSON.parse(text) : undefined };
  },

  /** A refusal is a problem of that status and code. */
  refused(answer, status, code) {
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.ok(answer.headers.get("cache-control"), "Cache-Control is always said");
    assert.equal(answer.json.code, code);
    assert.equal(answer.json.requestId, answer.headers.get("x-request-id"));
    if (status === 503) assert.ok(answer.headers.get("retry-after"), "503 says when to try again");
  },
});

const workerd = host({});
const world = worldOf(workerd, await workerd.ready);
const all = Object.entries({ ...cases, ...faults, ...last });

class NoEnd extends Error {}

let broken = 0;
for (const [name, run] of all) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new NoEnd(`no end in ${SECONDS_PER_CASE} s`)), SECONDS_PER_CASE * 1000);
  });
  const before = log.length;
  try {
    await Promise.race([run(world), late]);
  } catch (error) {
    broken += 1;
    console.log(`broken: ${name}\n    ${(error.stack ?? String(error)).replaceAll("\n", "\n    ")}`);
    console.log(`    the log:\n    ${log.slice(before).slice(-4000).replaceAll("\n", "\n    ")}`);
    if (error instanceof NoEnd) {
      console.log("what comes after it was not asked: it still runs, on the same database");
      break;
    }
  } finally {
    clearTimeout(timer);
  }
}
await workerd.dispose();
rmSync(state, { recursive: true, force: true });
console.log(`${all.length - broken}/${all.length} promises kept by the Worker`);
if (broken > 0) process.exitCode = 1;
