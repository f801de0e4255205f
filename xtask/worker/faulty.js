// What the test loads in the place of `index.js`: the same Worker, over a D1 that misbehaves when
// told to, and over a KV and an R2 that always do.
//
// `POST /faults` with JSON says how: `way` is what D1 does, `text` what it says with that, `only` is
// "writes" where reads are spared.
//
//   pass      what the real binding does
//   hang      never answers
//   late      is done, and never answers
//   reject    promises, and fails with `text`
//   throw     fails at once, with `text`
//   prepare   fails with `text` already when a statement is prepared
//   answer    promises `text`, read as JSON

import worker, { Chores } from "./index.js";

export { Chores };

/** For all requests of the isolate. */
let fault = { way: "pass" };

const never = () => new Promise(() => {});

function act(isWrite, pass) {
  const { way, text, only } = fault;
  if (only === "writes" && !isWrite) return pass();
  switch (way) {
    case "hang":
      return never();
    case "late":
      return pass().then(never);
    case "reject":
      return Promise.reject(new Error(text));
    case "throw":
      throw new Error(text);
    case "answer":
      return Promise.resolve(JSON.parse(text));
    default:
      return pass();
  }
}

function session(real) {
  const writing = new WeakSet();
  return {
    prepare(sql) {
      if (fault.way === "prepare") throw new Error(fault.text);
      const statement = real.prepare(sql);
      return {
        bind(...values) {
          const bound = statement.bind(...values);
          if (/\b(INSERT|UPDATE|DELETE)\b/.test(sql)) writing.add(bound);
          return bound;
        },
      };
    },
    batch: (statements) => act(statements.some((it) => writing.has(it)), () => real.batch(statements)),
    getBookmark: () => real.getBookmark(),
  };
}

/** A database, of the class that the real one is. */
const database = (real) =>
  new Proxy(real, {
    get: (target, name) =>
      name === "withSession" ? (anchor) => session(target.withSession(anchor)) : Reflect.get(target, name),
  });

const broken = new Proxy(
  {},
  {
    get(_, name) {
      throw new Error(`no ${String(name)} today`);
    },
  },
);

let bindings;
const misled = (env) => (bindings ??= { ...env, DB: database(env.DB), CACHE: broken, FILES: broken });

export default {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname !== "/faults") return worker.fetch(request, misled(env), context);
    fault = await request.json();
    return new Response("so be it");
  },

  scheduled: (event, env, context) => worker.scheduled(event, misled(env), context),
};
