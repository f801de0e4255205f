// The module that workerd loads for a Worker built by xtask: it instantiates the wasm and hands
// every request to it.
//
// A panic in wasm leaves its request without an answer until workerd calls it hung. The panic hook
// of the program writes to the console first, so that is where an answer comes from. It is meant
// for tests, which ask one thing at a time: whoever waits gets it.

import * as program from "./worker.js";
import module from "./worker_bg.wasm";

const waiting = new Set();
const error = console.error;
console.error = (...words) => {
  error(...words);
  const message = words.join(" ");
  if (message.startsWith("panicked at ")) for (const panicked of waiting) panicked(message);
};

program.initSync({ module });

export default {
  async fetch(request, env, context) {
    let panicked;
    const panic = new Promise((resolve) => {
      panicked = (message) => resolve(new Response(message, { status: 500 }));
    });
    waiting.add(panicked);
    const answer = program.fetch(request, env, context);
    return Promise.race([answer, panic]).finally(() => waiting.delete(panicked));
  },
};
