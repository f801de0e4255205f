// `cargo xtask worker size`: what is uploaded, what of it is counted, and what it costs to start.
//
// `node size.mjs <folder with node_modules> <folder of the Worker>`

import { start } from "./host.mjs";
import { LIMIT, files, startup } from "./weight.mjs";

const [tools, worker] = process.argv.slice(2);

const kib = (bytes) => `${(bytes / 1024).toFixed(0).padStart(6)} KiB`;

let total = 0;
for (const { name, bytes, gzipped } of files(worker)) {
  total += gzipped;
  console.log(`${name.padEnd(20)} ${kib(bytes)}  gzipped ${kib(gzipped)}`);
}
console.log(`${"all".padEnd(20)} ${"".padStart(10)}  gzipped ${kib(total)}  (limit ${kib(LIMIT).trim()})`);

for (const [what, took] of Object.entries(await startup(worker))) {
  console.log(`${what.padEnd(20)} ${took.toFixed(1).padStart(6)} ms of processor time`);
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
