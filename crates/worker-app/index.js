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

/** An instance, and what is on its way in it. */
class Program {
  #waiting = new Map();
  #last = 0;

  constructor() {
    this.exports = instantiate(module);
    this.exports.begin((number, message) => this.stop(number, message));
  }

  /** Has the instance do something under a number; `fallback` is for when it panics. */
  run(work, fallback) {
    const number = (this.#last = (this.#last % 0xffffffff) + 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, (message) => fallback(message).then(resolve, reject));
      const done = () => this.#waiting.delete(number);
      work(this.exports, number).then(resolve, (error) => this.stop(number, `${error}`)).finally(done);
    });
  }

  /** Takes no more requests, and has the one that it stopped at answered. */
  stop(number, message) {
    if (serving === this) serving = undefined;
    const fallback = this.#waiting.get(number);
    this.#waiting.delete(number);
    // Not from within the panic, of which the instance is not yet done.
    if (fallback) queueMicrotask(() => fallback(message));
    else console.error(`ERROR ${message}`);
  }
}

// What is not caught anywhere: the instance stopped without having the time to say so.
addEventListener("error", ({ error }) => serving?.stop(serving.exports.polled(), `${error}`));

function current() {
  return (serving ??= new Program());
}

const refuse = async (message) => {
  throw new Error(message);
};

export default {
  fetch(request, env, context) {
    const work = (program, number) => program.fetch(number, request, env);
    const answer = current().run(work, (message) => current().exports.answerPanic(message));
    // To its end, also when the client is gone: a promise that is never settled is never freed.
    context.waitUntil(answer.catch(() => {}));
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
