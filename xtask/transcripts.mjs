// Serves the test app in workerd until standard input ends:
// `node transcripts.mjs <folder with node_modules> <folder of the Worker>`.
//
// Writes the address, as `127.0.0.1:PORT`, on the first line of standard output. workerd listens
// itself: nothing stands between it and the client.

import { createRequire } from "node:module";
import { join } from "node:path";

const [tools, worker] = process.argv.slice(2);
const { Miniflare, Log, LogLevel } = createRequire(join(tools, "package.json"))("miniflare");

const workerd = new Miniflare({
  log: new Log(LogLevel.ERROR),
  modules: true,
  rootPath: worker,
  modulesRoot: worker,
  scriptPath: "index.js",
  modulesRules: [
    { type: "ESModule", include: ["**/*.js"] },
    { type: "CompiledWasm", include: ["**/*.wasm"] },
  ],
  compatibilityDate: "2026-04-01",
  d1Databases: ["DB"],
  unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  // What a panic writes comes back as the answer.
  handleRuntimeStdio: (stdout, stderr) => {
    stdout.resume();
    stderr.pipe(process.stderr);
  },
  // Else it would be asked of the network.
  cf: false,
});

console.log((await workerd.unsafeGetDirectURL()).host);
process.stdin.resume();
process.stdin.on("end", async () => {
  await workerd.dispose();
  process.exit();
});
