// `cargo xtask worker size`: what is uploaded, what of it is counted, and what it costs to start.
//
// `node size.mjs <folder with node_modules> <folder of the Worker>`

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { start } from "./host.mjs";

const [tools, worker] = process.argv.slice(2);
const LIMIT = 1.5 * 1024 * 1024;
const STARTS = 7;

const kib = (bytes) => `${(bytes / 1024).toFixed(0).padStart(6)} KiB`;

let total = 0;
for (const entry of readdirSync(worker, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const bytes = readFileSync(join(entry.parentPath, entry.name));
  const gzipped = gzipSync(bytes, { level: 9 }).length;
  total += gzipped;
  console.log(`${entry.name.padEnd(20)} ${kib(bytes.length)}  gzipped ${kib(gzipped)}`);
}
console.log(`${"all".padEnd(20)} ${"".padStart(10)}  gzipped ${kib(total)}  (limit ${kib(LIMIT).trim()})`);

// The processor's time of an instance, without workerd: compiling is once a machine, instantiating
// and the first request are once an isolate.
const module = await timed("compile", 1, () => WebAssembly.compile(readFileSync(join(worker, "worker_bg.wasm"))));
await timed("instantiate", STARTS, async () => {
  const { instantiate } = await import(join(worker, "program.js"));
  return instantiate(module);
});

async function timed(what, times, work) {
  const took = [];
  let result;
  for (let i = 0; i < times; i += 1) {
    const before = process.cpuUsage();
    result = await work();
    const { user, system } = process.cpuUsage(before);
    took.push((user + system) / 1000);
  }
  took.sort((a, b) => a - b);
  console.log(`${what.padEnd(20)} ${took[Math.floor(took.length / 2)].toFixed(1).padStart(6)} ms of processor time`);
  return result;
}

// In workerd: from nothing to the first answer of a route that asks for no I/O, and to the second.
const workerd = start({ tools, worker, log: (stdout, stderr) => [stdout.resume(), stderr.resume()] });
const base = await workerd.ready;
for (const which of ["first", "second"]) {
  const before = performance.now();
  await (await fetch(new URL("/health", base))).text();
  console.log(`${`${which} answer`.padEnd(20)} ${(performance.now() - before).toFixed(1).padStart(6)} ms`);
}
await workerd.dispose();

if (total > LIMIT) {
  console.error("error: the Worker is larger than it may be");
  process.exitCode = 1;
}
