// What the database of a Worker needs: the Worker's own words, without workerd.
//
// `node plan.mjs <folder with node_modules> <folder of the Worker>`

import { readFileSync } from "node:fs";
import { join } from "node:path";

const [, worker] = process.argv.slice(2);
const { instantiate } = await import(join(worker, "program.js"));
const module = new WebAssembly.Module(readFileSync(join(worker, "worker_bg.wasm")));
console.log(instantiate(module).plan());
