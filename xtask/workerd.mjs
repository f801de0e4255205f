// workerd on this machine, by way of miniflare: what each of our scripts tells it.

import { createRequire } from "node:module";
import { join } from "node:path";

export const COMPATIBLE = "2026-04-01";

/** What npm has put into the folder. */
export const miniflare = (tools) => createRequire(join(tools, "package.json"))("miniflare");

/** Starts it with what is to run in it. */
export function launch(tools, options) {
  const { Miniflare, Log, LogLevel } = miniflare(tools);
  // What `cf` gives would be asked of the network.
  return new Miniflare({ log: new Log(LogLevel.ERROR), cf: false, ...options });
}

/** A Worker as xtask has built it. */
export const built = (folder) => ({
  modules: true,
  rootPath: folder,
  modulesRoot: folder,
  scriptPath: "index.js",
  modulesRules: [
    { type: "ESModule", include: ["**/*.js"] },
    { type: "CompiledWasm", include: ["**/*.wasm"] },
  ],
  compatibilityDate: COMPATIBLE,
});
