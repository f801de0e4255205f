// The module that the runtime loads: it hands every request to an instance of the program.
//
// A panic stops an instance where it is. Its request is answered here, with the words of a fresh
// instance, and whatever comes next goes there; what else is on its way in the old one ends there.
// So does what the runtime itself stops, such as a stack that overflows.

import { WorkerEntrypoint } from "cloudflare:workers";
import { instantiate } from "./program.js";
import module from "./worker_bg.wasm";

/** The instance that takes requests. */
let serving;

/** Those that something is on its way in, the retired ones among them. */
const live = new Set();

/** An instance, and what is on its way in it. */
class Program {
  #waiting = new Map();
  #last = 0;

  constructor() {
    this.exports = instantiate(module);
    this.exports.begin((number, message) => this.stop(number, message));
  }

  /** Has the instance do something under a number; `fallback` is for when that fails. */
  run(begin, fallback) {
    const number = (this.#last = (this.#last % 0xffffffff) + 1);
    live.add(this);
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, (message) => Promise.try(fallback, message).then(resolve, reject));
      let work;
      try {
        work = begin(this.exports, number);
      } catch (error) {
        return this.stop(number, `${error}`);
      }
      // What it says itself is not a fault of the instance.
      work.then((result) => (resolve(result), this.#end(number)), (error) => this.#end(number, `${error}`));
    });
  }

  /** Takes no more requests, and has the one that it stopped at answered. */
  stop(number, message) {
    if (serving === this) serving = undefined;
    if (!this.#waiting.has(number)) console.error(`ERROR ${message}`);
    this.#end(number, message);
  }

  /** The number of what it stopped at without saying so; 0 if it did not. */
  stoppedAt() {
    const number = this.exports.polled();
    return this.#waiting.has(number) ? number : 0;
  }

  /** Nothing more is to come for a number; if it failed, its fallback says what is answered. */
  #end(number, failure) {
    const fallback = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (this.#waiting.size === 0) live.delete(this);
    // Not from within the panic, of which the instance is not yet done.
    if (fallback && failure !== undefined) queueMicrotask(() => fallback(failure));
  }
}

// What is not caught anywhere: an instance stopped in the middle of something, without having the
// time to say so. After a panic, of which it has said so, nothing waits under that number any more.
addEventListener("error", ({ error }) => {
  for (const program of live) {
    const number = program.stoppedAt();
    if (number !== 0) return program.stop(number, `${error}`);
  }
});

function current() {
  return (serving ??= new Program());
}

/** When even a fresh instance can't speak. */
function speechless(error) {
  console.error(`ERROR ${error}`);
  const problem = { type: "about:blank", title: "Internal error", status: 500, code: "internal", errors: [] };
  const headers = { "content-type": "application/problem+json", "cache-control": "private, no-store" };
  return new Response(JSON.stringify(problem), { status: 500, headers });
}

const refuse = async (message) => {
  throw new Error(message);
};

export default {
  fetch(request, env, context) {
    const work = (program, number) => program.fetch(number, request, env);
    const words = (message) => current().exports.answerPanic(message);
    const answer = Promise.try(() => current().run(work, words)).catch(speechless);
    // To its end, also when the client is gone: a promise that is never settled is never freed.
    context.waitUntil(answer);
    return answer;
  },

  scheduled(_, env) {
    return current().run((program, number) => program.tick(number, env), refuse);
  },
};

/** For other Workers of the same account, and for `cargo xtask worker`; no address leads here. */
export class Chores extends WorkerEntrypoint {
  migrate() {
    return current().run((program, number) => program.migrate(number, this.env), refuse);
  }
}
