// A Worker in workerd on this machine, with D1, KV and R2 of its own: what `dev`, `test` and
// `migrate` have in common.

import { join } from "node:path";

import { COMPATIBLE, built, launch } from "../workerd.mjs";

const DATABASE = { DB: "stratus" };

/**
 * Starts it. `unsafe` is for miniflare as a whole, `more` for the Worker, which is an isolate of its
 * own under each of `names`; `others` are Workers beside it. All are on the same database.
 */
export function start(options) {
  const { tools, worker, port = 0, persist, bindings = {}, log, unsafe = {} } = options;
  const { more = {}, names = ["stratus"], others = [] } = options;
  const kept = (what) => (persist ? join(persist, what) : undefined);
  return launch(tools, {
    host: "127.0.0.1",
    port,
    d1Persist: kept("d1"),
    kvPersist: kept("kv"),
    r2Persist: kept("r2"),
    handleRuntimeStdio: log,
    ...unsafe,
    workers: [
      ...names.map((name) => ({
        name,
        ...built(worker),
        d1Databases: DATABASE,
        kvNamespaces: { CACHE: "stratus" },
        r2Buckets: { FILES: "stratus" },
        bindings,
        // Each is asked on an address of its own where there are several.
        unsafeDirectSockets: names.length > 1 ? [{ host: "127.0.0.1", port: 0 }] : [],
        ...more,
      })),
      {
        name: "chores",
        modules: true,
        script: `export default {
          async fetch(request, env) {
            try {
              return new Response(await env.STRATUS[new URL(request.url).pathname.slice(1)]());
            } catch (error) {
              return new Response(error.message ?? String(error), { status: 500 });
            }
          },
        };`,
        compatibilityDate: COMPATIBLE,
        serviceBindings: { STRATUS: { name: "stratus", entrypoint: "Chores" } },
      },
      ...others.map((other) => ({ modules: true, compatibilityDate: COMPATIBLE, d1Databases: DATABASE, ...other })),
    ],
  });
}

/** Has a chore done, and says what it did. */
export async function chore(workerd, name) {
  const worker = await workerd.getWorker("chores");
  const answer = await worker.fetch(`http://chores/${name}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return JSON.parse(text);
}
