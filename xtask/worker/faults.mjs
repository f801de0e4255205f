// The promises of the Worker over a D1 that fails, hangs, or answers with anything: 503 in time, and
// the same instance serves when that is over.

import assert from "node:assert/strict";

import { instance, renew } from "./cases.mjs";

const DEADLINE = 500;
/** What a busy machine may add to it. */
const LENIENCE = 3_000;

const OVERLOADED = "D1_ERROR: D1 DB is overloaded. Too many requests queued.";

const FAULTS = [
  { way: "reject", text: OVERLOADED },
  { way: "throw", text: OVERLOADED },
  { way: "prepare", text: OVERLOADED },
  { way: "reject", text: "Network connection lost." },
  { way: "reject", text: "D1_ERROR: internal error; reference = SELECT" },
  { way: "reject", text: "D1_ERROR: Failed to parse body as JSON, got: <html>" },
  { way: "reject", text: "words that nobody has heard of it" },
  { way: "hang" },
  { way: "late" },
  ...["null", "42", '"SELECT"', "{}", "[]", "[null]", "[{}]", '[{"results":[{"a":{"b":1}}]}]'].map((text) => ({
    way: "answer",
    text,
  })),
];

/** The Worker of `faulty.js`, on a database of its own with the demo in it. */
function faulty(world, run) {
  const options = { more: { scriptPath: "faulty.js" }, bindings: { STRATUS_D1_DEADLINE_MS: `${DEADLINE}` } };
  return world.elsewhere(options, async (there) => {
    await there.chore("migrate");
    // The instance of that chore has the real D1.
    await renew(there);
    assert.ok((await there.loadDemo()) > 50);
    const fault = async (body) => assert.equal((await there.ask("POST", "/faults", { body })).status, 200);
    return run({ ...there, fault });
  });
}

/** Asks, and says how long that took. */
async function timed({ ask }, [method, path, options]) {
  const start = performance.now();
  // What asks changes what it is given.
  const answer = await ask(method, path, structuredClone(options));
  return { ...answer, took: performance.now() - start, path: `${method} ${path}` };
}

/** One request of every kind. */
async function kinds({ ask }) {
  const author = (await ask("GET", "/api/authors?limit=1")).json.data[0].id;
  const { page } = (await ask("GET", "/api/posts?limit=2")).json;
  const at = `/api/authors/${author}`;
  const [token, any] = [true, { "if-match": "*" }];
  const fields = { name: "Nobody" };
  const reads = [
    ["GET", "/api/posts?limit=3"],
    ["GET", `/api/posts?limit=2&after=${page.next}`],
    ["GET", "/api/posts?state=draft", { token }],
    ["GET", "/api/posts/slug/quiet-pagers"],
    ["GET", at],
    ["GET", `${at}/versions`, { token }],
    ["GET", `${at}/referrers`, { token }],
    ["GET", "/ready"],
  ];
  const writes = [
    ["POST", "/api/authors", { token, body: { fields } }],
    ["PATCH", at, { token, headers: any, body: { fields } }],
    ["POST", `${at}/publish`, { token }],
    ["POST", `${at}/duplicate`, { token }],
    ["PUT", `${at}/permissions`, { token, headers: any, body: { permissions: [] } }],
    ["DELETE", at, { token }],
    ["POST", `${at}/erase`, { token }],
  ];
  return [...reads, ...writes];
}

export const faults = {
  async a_d1_that_fails_is_503_in_time_and_over_afterwards(world) {
    await faulty(world, async (there) => {
      const { ask, refused, fault } = there;
      const requests = await kinds(there);
      for (const what of FAULTS) {
        for (const isFresh of [true, false]) {
          await fault({ way: "pass" });
          if (isFresh) await renew(there);
          else assert.equal((await ask("GET", "/api/posts?limit=1")).status, 200);
          const before = await instance(there);
          await fault(what);
          const answers = await Promise.all(requests.map((it) => timed(there, it)));
          for (const answer of answers) {
            const about = `${JSON.stringify(what)}, fresh: ${isFresh}, ${answer.path}`;
            assert.equal(answer.status, 503, `${about}: ${answer.status} ${answer.text}`);
            refused(answer, 503, "unavailable");
            assert.ok(answer.took < 2 * DEADLINE + LENIENCE, `${about}: took ${answer.took} ms`);
            assert.doesNotMatch(answer.text, /SELECT|INSERT|UPDATE|documents|D1|SQL|reference/, about);
          }
          assert.equal((await ask("GET", "/health")).status, 200);
          refused(await ask("GET", "/api/posts?sort=cover"), 422, "unindexed_query");
          await fault({ way: "pass" });
          for (const [path, status] of [["/api/posts?limit=3", 200], ["/api/posts/slug/quiet-pagers", 200], ["/ready", 200]]) {
            assert.equal((await ask("GET", path)).status, status, JSON.stringify(what));
          }
          const made = await ask("POST", "/api/authors", { token: true, body: { fields: { name: "After it" } } });
          assert.equal(made.status, 201, made.text);
          assert.equal(await instance(there), before, "it is the same instance");
        }
      }
    });
  },

  async a_write_whose_answer_is_lost_is_looked_up(world) {
    await faulty(world, async (there) => {
      const { ask, refused, fault } = there;
      const write = (name) => timed(there, ["POST", "/api/authors", { token: true, body: { fields: { name } } }]);
      const names = async () => {
        const { results } = await (await there.database()).prepare("SELECT json_extract(data, '$.name') AS name FROM documents").all();
        return results.map(({ name }) => name);
      };
      for (const isFresh of [true, false]) {
        const name = (what) => `${what} ${isFresh}`;
        await fault({ way: "pass" });
        if (isFresh) await renew(there);
        else assert.equal((await ask("GET", "/api/posts?limit=1")).status, 200);
        await fault({ way: "hang", only: "writes" });
        const hung = await write(name("Never was"));
        refused(hung, 503, "unavailable");
        assert.match(hung.json.detail, /nothing was written/);
        assert.ok(hung.took >= DEADLINE - 5 && hung.took < 2 * DEADLINE + LENIENCE, `took ${hung.took} ms`);
        for (const way of ["late", "answer"]) {
          // Garbage in the place of an answer comes before anything was done.
          await fault({ way, text: "42", only: "writes" });
          const answer = await write(name(way));
          assert.ok(answer.took < 2 * DEADLINE + LENIENCE, `took ${answer.took} ms`);
          if (way === "late") assert.equal(answer.status, 201, answer.text);
          else refused(answer, 503, "unavailable");
        }
        await fault({ way: "pass" });
        const found = await names();
        assert.ok(found.includes(name("late")));
        assert.ok(!found.includes(name("Never was")) && !found.includes(name("answer")));
      }
    });
  },

  async windows_wait_for_a_d1_that_hangs(world) {
    await faulty(world, async ({ fault, scheduled, ask, log }) => {
      await fault({ way: "hang" });
      assert.equal((await scheduled()).outcome, "exception");
      assert.ok(log().includes("publish windows could not be recorded"));
      await fault({ way: "pass" });
      assert.equal((await scheduled()).outcome, "ok");
      assert.equal((await ask("GET", "/api/posts")).status, 200);
    });
  },

  // Nothing is kept in KV yet: this is for when something is.
  async a_broken_kv_matters_to_nobody(world) {
    await faulty(world, async ({ ask }) => {
      for (const path of ["/ready", "/api/posts", "/api/posts/slug/quiet-pagers"]) {
        assert.equal((await ask("GET", path)).status, 200);
      }
      const body = { fields: { name: "Without a cache" } };
      assert.equal((await ask("POST", "/api/authors", { token: true, body })).status, 201);
    });
  },

  async a_deadline_that_is_none_is_said_so({ host, ask, refused, log }) {
    const workerd = host({ STRATUS_D1_DEADLINE_MS: "soon" });
    try {
      refused(await ask("GET", "/api/posts", { at: await workerd.ready }), 500, "internal");
      assert.ok(log().includes("STRATUS_D1_DEADLINE_MS can't be used"));
    } finally {
      await workerd.dispose();
    }
  },
};
