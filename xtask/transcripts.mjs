// Serves the test app in workerd until standard input ends:
// `node transcripts.mjs <folder with node_modules> <folder of the Worker>`.
//
// Writes the address, as `127.0.0.1:PORT`, on the first line of standard output. workerd listens
// itself: nothing stands between it and the client.

import { built, launch } from "./workerd.mjs";

const [tools, worker] = process.argv.slice(2);

const workerd = launch(tools, {
  ...built(worker),
  d1Databases: ["DB"],
  unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  // What a panic writes comes back as the answer.
  handleRuntimeStdio: (stdout, stderr) => {
    stdout.resume();
    stderr.pipe(process.stderr);
  },
});

console.log((await workerd.unsafeGetDirectURL()).host);
process.stdin.resume();
process.stdin.on("end", async () => {
  await workerd.dispose();
  process.exit();
});
