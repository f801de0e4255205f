// What a Worker weighs: the bytes that are uploaded, and the processor's time that an instance takes.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** What all files may weigh together, gzipped. */
export const LIMIT = 1.5 * 1024 * 1024;
const STARTS = 7;

/** The files of a Worker: `{ name, bytes, gzipped }`. */
export function files(worker) {
  const entries = readdirSync(worker, { recursive: true, withFileTypes: true }).filter((it) => it.isFile());
  return entries.map(({ name, parentPath }) => {
    const content = readFileSync(join(parentPath, name));
    return { name, bytes: content.length, gzipped: gzipSync(content, { level: 9 }).length };
  });
}

/**
 * Milliseconds of the processor, without workerd: compiling is once a machine, instantiating is
 * once an isolate.
 */
export async function startup(worker) {
  const [compile, module] = await timed(() => WebAssembly.compile(readFileSync(join(worker, "worker_bg.wasm"))));
  const { instantiate } = await import(join(worker, "program.js"));
  const took = [];
  for (let i = 0; i < STARTS; i += 1) took.push((await timed(() => instantiate(module)))[0]);
  return { compile, instantiate: took.sort((a, b) => a - b)[Math.floor(STARTS / 2)] };
}

async function timed(work) {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return [(user + system) / 1000, result];
}
