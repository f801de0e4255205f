// Asks a Worker whether what it checks is so, in workerd:
// `node probe.mjs <folder with node_modules> <folder of the Worker> <what it checks>`.
//
// `GET /` lists the names, `GET /<name>` answers `ok` or what is wrong. After a wrong answer
// workerd starts anew: a panic leaves a broken wasm instance behind.

import { built, launch, miniflare } from "./workerd.mjs";

const [tools, worker, what] = process.argv.slice(2);

const SECONDS_PER_CASE = 60;

const start = () =>
  launch(tools, {
    ...built(worker),
    d1Databases: ["DB"],
    kvNamespaces: ["KV"],
    r2Buckets: ["R2"],
    serviceBindings: { SELF: miniflare(tools).kCurrentWorker },
    // What a panic writes comes back as the answer; once is enough.
    handleRuntimeStdio: (stdout, stderr) => {
      stdout.resume();
      stderr.resume();
    },
  });

async function check(workerd, name) {
  const late = new Promise((resolve) => {
    setTimeout(resolve, SECONDS_PER_CASE * 1000, `no answer in ${SECONDS_PER_CASE} s`).unref();
  });
  const answer = workerd.dispatchFetch(`http://probe/${name}`).then((it) => it.text(), String);
  return Promise.race([answer, late]);
}

let workerd = start();
const cases = await (await workerd.dispatchFetch("http://probe/")).json();
let broken = 0;
for (const name of cases) {
  const answer = await check(workerd, name);
  if (answer === "ok") continue;
  broken += 1;
  console.log(`broken: ${name}\n    ${answer.trim().replaceAll("\n", "\n    ")}`);
  await workerd.dispose();
  workerd = start();
}
await workerd.dispose();
console.log(`${cases.length - broken}/${cases.length} ${what}`);
if (cases.length === 0 || broken > 0) process.exitCode = 1;
