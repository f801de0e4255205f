// A Worker in workerd on this machine, with D1, KV and R2 of its own: what `dev`, `test` and
// `migrate` have in common.

import { createRequire } from "node:module";
import { join } from "node:path";

/**
 * Starts it. `options`: tools, worker, port, persist, bindings; `script`, the module to load; `names`,
 * of which each is an isolate of its own, on the same database.
 */
export function start(options) {
  const { tools, worker, port = 0, persist, bindings = {}, log, unsafe = {} } = options;
  const { script = "index.js", names = ["stratus"] } = options;
  const { Miniflare, Log, LogLevel } = createRequire(join(tools, "package.json"))("miniflare");
  const kept = (what) => (persist ? join(persist, what) : undefined);
  return new Miniflare({
    log: new Log(LogLevel.ERROR),
    host: "127.0.0.1",
    port,
    d1Persist: kept("d1"),
    kvPersist: kept("kv"),
    r2Persist: kept("r2"),
    // Else it would be asked of the network.
    cf: false,
    handleRuntimeStdio: log,
    ...unsafe,
    workers: [
      ...names.map((name) => ({
        name,
        modules: true,
        rootPath: worker,
        modulesRoot: worker,
        scriptPath: script,
        modulesRules: [
          { type: "ESModule", include: ["**/*.js"] },
          { type: "CompiledWasm", include: ["**/*.wasm"] },
        ],
        compatibilityDate: "2026-04-01",
        d1Databases: { DB: "stratus" },
        kvNamespaces: { CACHE: "stratus" },
        r2Buckets: { FILES: "stratus" },
        bindings,
        // Each is asked on an address of its own where there are several.
        unsafeDirectSockets: names.length > 1 ? [{ host: "127.0.0.1", port: 0 }] : [],
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
        compatibilityDate: "2026-04-01",
        serviceBindings: { STRATUS: { name: "stratus", entrypoint: "Chores" } },
      },
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
