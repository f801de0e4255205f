// The promises of the Worker, in this order: later ones find what earlier ones made.

import assert from "node:assert/strict";
import { request } from "node:http";

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A number of the instance that answers: another one after a panic. */
export const instance = async ({ ask }) => (await ask("GET", "/trials/instance")).text;

/** Has the next request meet an instance that knows nothing of the database yet. */
export const renew = async ({ ask }) => assert.equal((await ask("GET", "/trials/panic")).status, 500);

export const cases = {
  async nothing_is_ready_before_the_migrations({ ask, refused, scheduled }) {
    assert.deepEqual((await ask("GET", "/health")).json, { status: "ok" });
    refused(await ask("GET", "/ready"), 503, "unavailable");
    refused(await ask("GET", "/api/posts"), 503, "unavailable");
    refused(await ask("POST", "/api/authors", { token: true, body: { fields: { name: "A" } } }), 503, "unavailable");
    assert.notEqual((await scheduled()).outcome, "ok", "what could not be recorded is told");
  },

  async migrations_make_it_ready({ ask, chore, loadDemo }) {
    const first = await chore("migrate");
    assert.equal(first.applied[0], "0001_core");
    assert.ok(first.columns.length > 0 && first.indexes.length > 0);
    const second = await chore("migrate");
    assert.deepEqual([...second.applied, ...second.columns, ...second.indexes, ...second.dropped], []);
    assert.deepEqual((await ask("GET", "/ready")).json, { status: "ready" });
    assert.ok((await loadDemo()) > 50);
    assert.equal(await loadDemo(), 0);
  },

  async the_first_requests_of_the_readme({ ask, refused }) {
    const list = await ask("GET", "/api/posts?limit=2&fields=title");
    assert.equal(list.json.data.length, 2);
    assert.equal(list.json.data[0].slug, "quiet-pagers");
    assert.deepEqual(Object.keys(list.json.data[0].fields), ["title"]);
    const next = await ask("GET", `/api/posts?limit=2&fields=title&after=${list.json.page.next}`);
    assert.equal(next.json.data.length, 2);
    assert.notEqual(next.json.data[0].id, list.json.data[0].id);

    const one = await ask("GET", "/api/posts/slug/quiet-pagers");
    assert.equal(one.status, 200);
    assert.match(one.headers.get("etag"), /^"r1-[0-9a-f]{12}"$/);
    assert.equal(one.headers.get("cache-control"), "public, no-cache");
    assert.equal(one.headers.get("set-cookie"), null);
    const same = await ask("GET", "/api/posts/slug/quiet-pagers", { headers: { "if-none-match": one.headers.get("etag") } });
    assert.deepEqual([same.status, same.text], [304, ""]);
    const head = await ask("HEAD", "/api/posts/slug/quiet-pagers");
    assert.deepEqual([head.status, head.text], [200, ""]);
    assert.equal(head.headers.get("etag"), one.headers.get("etag"));
    refused(await ask("GET", "/api/nothing"), 404, "not_found");
    refused(await ask("GET", "/api/posts?sort=cover"), 422, "unindexed_query");
  },

  async a_document_lives_as_the_readme_says({ ask, refused }) {
    const author = (await ask("GET", "/api/authors?limit=1")).json.data[0].id;
    const fields = { title: "Hello, edge", body: "It *works*.", author };
    const made = await ask("POST", "/api/posts", { token: true, body: { fields } });
    assert.equal(made.status, 201, made.text);
    assert.ok(made.headers.get("stratus-bookmark"));
    const post = made.headers.get("location");
    const tag = made.headers.get("etag");
    const admin = { token: true };
    refused(await ask("GET", post), 404, "not_found");
    assert.equal((await ask("POST", `${post}/publish`, admin)).status, 200);
    assert.equal((await ask("GET", post)).json.data.fields.title, "Hello, edge");
    const late = { ...admin, headers: { "if-match": tag }, body: { fields: { title: "Too late" } } };
    refused(await ask("PATCH", post, late), 412, "stale_revision");
    refused(await ask("PATCH", post, { ...admin, body: { fields: {} } }), 428, "precondition_required");
    assert.equal((await ask("DELETE", post, admin)).status, 204);
    assert.equal((await ask("POST", `${post}/recover`, admin)).status, 200);
    const any = { "if-match": "*" };
    const patched = await ask("PATCH", post, { ...admin, headers: { ...any }, body: { fields: { title: "Hello, world" } } });
    assert.deepEqual([patched.json.data.version, patched.json.data.status], [2, "draft"]);
    assert.equal((await ask("GET", `${post}/versions`, admin)).json.data.length, 2);
    const restored = await ask("POST", `${post}/restore`, { ...admin, headers: { ...any }, body: { version: 1 } });
    assert.equal(restored.json.data.version, 3);
    assert.equal((await ask("POST", `${post}/duplicate`, admin)).status, 201);
    const deny = { permissions: [{ principal: "public", action: "read", effect: "deny" }] };
    assert.equal((await ask("PUT", `${post}/permissions`, { ...admin, headers: { ...any }, body: deny })).status, 200);
    refused(await ask("GET", post), 404, "not_found");
    const held = await ask("DELETE", `/api/authors/${author}`, admin);
    refused(held, 409, "referenced");
    assert.ok(held.json.referrers.length > 0);
    assert.equal((await ask("POST", `${post}/erase`, admin)).status, 204);
  },

  async a_credential_is_right_or_refused({ ask, refused }) {
    for (const path of ["/api/posts", "/api", "/health", "/nowhere"]) {
      refused(await ask("GET", path, { token: "wrong" }), 401, "unauthorized");
    }
    refused(await ask("POST", "/api/posts", { body: { fields: {} } }), 401, "unauthorized");
    refused(await ask("GET", "/api/posts?state=draft"), 401, "unauthorized");
    const draft = await ask("GET", "/api/posts?state=draft", { token: true });
    assert.equal(draft.status, 200);
    assert.match(draft.headers.get("cache-control"), /private|no-store/);
    const bytes = await ask("GET", "/api/posts", { headers: { authorization: "Bearer \xff\xfe" } });
    refused(bytes, 401, "unauthorized");
  },

  async what_is_too_large_is_refused_and_not_kept({ ask, refused, base, token }) {
    const long = (count) => JSON.stringify({ fields: { name: "x".repeat(count) } });
    const json = { "content-type": "application/json" };
    refused(await ask("POST", "/api/authors", { token: true, headers: { ...json }, body: long(1024 * 1024) }), 413, "payload_too_large");
    refused(await ask("GET", `/api/posts?filter[title]=${"x".repeat(17_000)}`), 414, "uri_too_long");
    const gzip = { ...json, "content-encoding": "gzip" };
    refused(await ask("POST", "/api/authors", { token: true, headers: gzip, body: "{}" }), 415, "content_encoding");
    // Announced, a hundred megabytes are answered before they come; unannounced, what is too much is
    // read and thrown away.
    const [mebi, authorization] = [1024 * 1024, `Bearer ${token}`];
    for (const [sent, more] of [[mebi / 16, { "content-length": 100 * mebi }], [3 * mebi, {}]]) {
      const { status } = await send(base, { headers: { ...json, authorization, ...more }, bytes: sent });
      assert.equal(status, 413);
      assert.equal((await ask("GET", "/api/posts?limit=1")).status, 200);
    }
  },

  async a_body_that_stops_arriving_is_given_up({ ask, base, token }) {
    const headers = { "content-type": "application/json", "content-length": 100, authorization: `Bearer ${token}` };
    const before = Date.now();
    const { status } = await send(base, { headers, body: '{"fields": ' });
    assert.equal(status, 400);
    assert.ok(Date.now() - before < 25_000, "in its time");
    assert.equal((await ask("GET", "/api/posts?limit=1")).status, 200);
  },

  async a_panic_is_answered_and_the_isolate_goes_on(world) {
    const { ask, refused, log } = world;
    for (const path of ["/trials/panic", "/trials/panic/later"]) {
      const before = await instance(world);
      // Others are on their way at that time: they end where they began.
      const others = [ask("GET", "/trials/wait"), ask("GET", "/trials/wait"), ask("GET", "/api/posts?limit=3")];
      await sleep(50);
      const answer = await ask("GET", path);
      refused(answer, 500, "internal");
      assert.ok(!answer.text.includes("trial"), "what a panic says stays here");
      assert.ok(log().includes(answer.json.requestId), "the log has the id of the request");
      for (const { status } of await Promise.all(others)) assert.equal(status, 200);
      const after = await instance(world);
      assert.notEqual(after, before, "the next instance is another one");
      assert.equal((await ask("GET", "/api/posts?limit=1")).status, 200);
      assert.equal(await instance(world), after);
    }
  },

  async many_panics_at_once_are_all_answered(world) {
    const { ask, refused } = world;
    const paths = Array.from({ length: 40 }, (_, i) => ["/trials/panic", "/trials/panic/later", "/api/posts?limit=1"][i % 3]);
    const answers = await Promise.all(paths.map((path) => ask("GET", path)));
    answers.forEach((answer, i) => (i % 3 === 2 ? assert.equal(answer.status, 200) : refused(answer, 500, "internal")));
  },

  async a_stack_that_overflows_is_answered(world) {
    const { ask, refused } = world;
    for (const path of ["/trials/overflow", "/trials/overflow/later"]) {
      const before = await instance(world);
      refused(await ask("GET", path), 500, "internal");
      assert.notEqual(await instance(world), before);
      assert.equal((await ask("GET", "/api/posts?limit=1")).status, 200);
    }
  },

  async requests_that_are_cancelled_harm_no_other(world) {
    const { ask, base, token } = world;
    const before = await instance(world);
    const author = { fields: { name: "Nobody in particular" } };
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const calls = [
      { method: "GET", path: "/api/posts?limit=50" },
      { method: "GET", path: "/api/posts/slug/quiet-pagers" },
      { method: "GET", path: "/trials/wait" },
      { method: "POST", path: "/api/authors", headers, body: JSON.stringify(author) },
    ];
    let cancelled = 0;
    for (let round = 0; round < 12; round += 1) {
      const batch = Array.from({ length: 24 }, async (_, i) => {
        // From at once to after the answer: every wait of a request is met.
        const cancelAfter = (i * 37 + round * 11) % 120;
        const { status } = await send(base, { ...calls[i % calls.length], cancelAfter });
        cancelled += status === undefined ? 1 : 0;
      });
      await Promise.all(batch);
      assert.equal((await ask("GET", "/api/posts?limit=1")).status, 200);
    }
    assert.ok(cancelled > 50, `only ${cancelled} were cancelled`);
    assert.equal(await instance(world), before, "it is the same instance");
    const made = await ask("POST", "/api/authors", { token: true, body: author });
    assert.equal(made.status, 201, made.text);
  },

  async an_old_schema_is_brought_up_to_date_once(world) {
    const { ask, database } = world;
    await forget(await database());
    await renew(world);
    const paths = ["/api/posts", "/api/authors?sort=name", "/api/comments?filter[approved]=true", "/api/posts?filter[featured]=true"];
    const requests = Array.from({ length: 24 }, (_, i) => {
      if (i % 6 !== 5) return ask("GET", paths[i % paths.length]);
      return ask("POST", "/api/authors", { token: true, body: { fields: { name: `Early ${i}` } } });
    });
    for (const { status, text } of await Promise.all(requests)) assert.ok(status < 300, `${status}: ${text}`);
    const { results } = await (await database()).prepare("SELECT kind, count(*) AS n FROM schema_state GROUP BY kind").all();
    assert.ok(results.every(({ n }) => n > 0) && results.length === 2, JSON.stringify(results));
    const guards = await (await database()).prepare("SELECT count(*) AS n FROM guards").first();
    assert.equal(guards.n, 0);
  },

  async two_isolates_that_meet_an_old_schema_make_it_once({ elsewhere }) {
    // What is answered late was done by nobody, as far as the log tells.
    const patient = { STRATUS_D1_DEADLINE_MS: "9000" };
    await elsewhere({ names: ["stratus", "second"], bindings: patient }, async ({ ask, chore, database, direct, loadDemo, log }) => {
      await chore("migrate");
      await loadDemo();
      const d1 = await database();
      const whole = await schema(d1);
      assert.ok(whole.columns.length > 0 && whole.indexes.length > 0);
      const isolates = [await direct("stratus"), await direct("second")];
      const numbers = new Set();
      const paths = ["/api/posts?limit=2", "/api/authors?sort=name", "/api/comments?filter[approved]=true", "/api/posts?filter[featured]=true"];
      for (let round = 0; round < 6; round += 1) {
        for (const at of isolates) await renew({ ask: (method, path) => ask(method, path, { at }) });
        for (const at of isolates) numbers.add((await ask("GET", "/trials/instance", { at })).text);
        await forget(d1);
        await d1.prepare("DELETE FROM settings WHERE category = 'auth' AND key = 'cursor_key'").run();
        assert.deepEqual(await schema(d1), { columns: [], indexes: [], state: [], keys: 0, guards: 0 });
        const logged = log().length;
        const requests = Array.from({ length: 24 }, (_, i) => {
          const at = isolates[i % 2];
          if (i % 8 < 6) return ask("GET", paths[(i >> 1) % paths.length], { at });
          return ask("POST", "/api/authors", { at, token: true, body: { fields: { name: `Early ${round} ${i}` } } });
        });
        const answers = await Promise.all(requests);
        for (const { status, text } of answers) assert.ok(status < 300, `${status}: ${text}`);
        assert.deepEqual(await schema(d1), whole);
        // Each column and index was added by one of the two, and by no more than one of their requests.
        const lines = () => [...log().slice(logged).matchAll(/added what the collections need columns=(\d+) indexes=(\d+)/g)];
        const added = () => [1, 2].map((at) => lines().reduce((sum, line) => sum + Number(line[at]), 0));
        // What is logged comes by a pipe.
        for (let wait = 0; wait < 50 && added()[1] < whole.indexes.length; wait += 1) await sleep(100);
        await sleep(200);
        assert.deepEqual(added(), [whole.columns.length, whole.indexes.length]);

        // Each page says where the next one begins, whoever is asked for that: the key is one.
        const cursors = answers.filter((_, i) => i % 8 < 6 && (i >> 1) % paths.length === 0).map(({ json }) => json.page.next);
        assert.equal(new Set(cursors).size, 1, "a page has one cursor");
        const pages = isolates.map((at) => ask("GET", `/api/posts?limit=2&after=${cursors[0]}`, { at }));
        const [one, other] = await Promise.all(pages);
        assert.deepEqual([one.status, other.status], [200, 200], `${one.text} ${other.text}`);
        assert.equal(one.text, other.text);
      }
      assert.equal(numbers.size, 12, "each of them was new to it");
    });
  },

  async what_takes_long_is_left_to_migrate(world) {
    const { ask, refused, chore, database } = world;
    const d1 = await database();
    const type = await d1.prepare("SELECT schema_version AS v FROM document_types WHERE id = 'comments'").first();
    await d1.prepare(
      `INSERT INTO documents (id, root_id, type_id, tenant_id, is_current_draft, is_published, type_version,
         version_number, revision, created_at, updated_at, data)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001)
       SELECT 'many-' || i, 'many-' || i, 'comments', 'default', 1, 0, ${type.v}, 1, 1, 1, 1, '{"name":"n","body":"b"}' FROM n`,
    ).run();
    await forget(d1);
    await renew(world);
    refused(await ask("GET", "/api/posts"), 503, "unavailable");
    refused(await ask("GET", "/ready"), 503, "unavailable");
    refused(await ask("POST", "/api/authors", { token: true, body: { fields: { name: "Late" } } }), 503, "unavailable");
    assert.ok((await chore("migrate")).indexes.length > 0);
    assert.equal((await ask("GET", "/api/posts")).status, 200);
    assert.equal((await ask("GET", "/ready")).status, 200);
    await d1.prepare("DELETE FROM documents WHERE id LIKE 'many-%'").run();
  },

  async windows_are_recorded_from_time_to_time({ ask, database, scheduled }) {
    const at = (milliseconds) => new Date(Date.now() + milliseconds).toISOString();
    const body = { fields: { name: "Opens soon" }, publish: true, publishAt: at(6_000) };
    const made = await ask("POST", "/api/authors", { token: true, body });
    assert.equal(made.status, 201, made.text);
    const path = `/api/authors/${made.json.data.id}`;
    assert.equal((await ask("GET", path)).status, 404);
    await sleep(8_500);
    assert.equal((await ask("GET", path)).status, 200);
    const events = async () => {
      const count = "SELECT count(*) AS n FROM events WHERE document = ?1";
      return (await (await database()).prepare(count).bind(made.json.data.id).first()).n;
    };
    const before = await events();
    assert.equal((await scheduled()).outcome, "ok");
    assert.equal(await events(), before + 1);
  },

  async hosts_are_tenants({ host, ask }) {
    const workerd = host({ STRATUS_TENANTS: '{"blog.example":"blog","127.0.0.1":"default"}' });
    try {
      const at = await workerd.ready;
      assert.ok((await ask("GET", "/api/posts", { at })).json.data.length > 0);
      const list = (host) => send(at, { method: "GET", path: "/api/posts", headers: { host } });
      assert.equal((await list("blog.example")).status, 200);
      assert.equal((await list("other.example")).status, 421);
    } finally {
      await workerd.dispose();
    }
  },

  async a_deployment_that_is_wrong_says_so_in_its_log({ host, ask, refused, log }) {
    const wrong = [
      [{ STRATUS_ADMIN_TOKEN: "short" }, "the secret STRATUS_ADMIN_TOKEN can't be used"],
      [{ STRATUS_ADMIN_TOKEN: { get: "in a store" } }, "it is not a text; set it with `wrangler secret put STRATUS_ADMIN_TOKEN`"],
      [{ STRATUS_TENANTS: { "blog.example": "blog" } }, "STRATUS_TENANTS can't be used: it is not a text"],
      [{ STRATUS_LOG: "verbose" }, "STRATUS_LOG can't be used"],
    ];
    for (const [bindings, words] of wrong) {
      const workerd = host(bindings);
      try {
        const answer = await ask("GET", "/api/posts", { at: await workerd.ready });
        refused(answer, 500, "internal");
        assert.ok(!answer.text.includes("STRATUS"));
        assert.ok(log().includes(words), words);
      } finally {
        await workerd.dispose();
      }
    }
  },
};

/** What must hold at the end of all. */
export const last = {
  async nothing_hung_and_nothing_crossed_requests({ log }) {
    for (const words of ["different request", "had hung", "would never generate", "RefCell already"]) {
      assert.ok(!log().includes(words), `the log says: ${words}`);
    }
  },
};

/** What collections need, as it is in a database. */
async function schema(d1) {
  const rows = async (sql) => (await d1.prepare(sql).all()).results;
  const names = async (sql) => (await rows(sql)).map(({ name }) => name);
  const [{ keys, guards }] = await rows(
    `SELECT (SELECT count(*) FROM settings WHERE category = 'auth' AND key = 'cursor_key') AS keys,
       (SELECT count(*) FROM guards) AS guards`,
  );
  return {
    columns: await names("SELECT name FROM pragma_table_xinfo('documents') WHERE name GLOB 'q_*' ORDER BY name"),
    indexes: await names("SELECT name FROM sqlite_master WHERE type = 'index' AND name GLOB 'ix_*' ORDER BY name"),
    state: await rows("SELECT name, kind, definition FROM schema_state ORDER BY kind, name"),
    keys,
    guards,
  };
}

/** Takes what collections need away, as if an older version had made the database. */
async function forget(d1) {
  const names = async (sql) => (await d1.prepare(sql).all()).results.map(({ name }) => name);
  const indexes = await names("SELECT name FROM sqlite_master WHERE type = 'index' AND name GLOB 'ix_*'");
  const columns = await names("SELECT name FROM pragma_table_xinfo('documents') WHERE name GLOB 'q_*'");
  await d1.batch([
    ...indexes.map((name) => d1.prepare(`DROP INDEX ${name}`)),
    ...columns.map((name) => d1.prepare(`ALTER TABLE documents DROP COLUMN ${name}`)),
    d1.prepare("DELETE FROM schema_state"),
  ]);
}

/**
 * Sends a request with so many bytes of a body, below what `fetch` tidies up: the status that it
 * gets, or none if it was cancelled before.
 */
function send(base, { method = "POST", path = "/api/authors", headers = {}, body, bytes = 0, cancelAfter }) {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, base), { method, headers, agent: false });
    let status;
    sent.on("response", (answer) => {
      status = answer.statusCode;
      answer.resume();
      if (cancelAfter === undefined) sent.destroy();
    });
    sent.on("close", () => resolve({ status }));
    sent.on("error", (error) => {
      if (status === undefined && cancelAfter === undefined) reject(error);
    });
    if (cancelAfter !== undefined) setTimeout(() => sent.destroy(), cancelAfter);
    if (body) sent.write(body);
    const piece = Buffer.alloc(64 * 1024, 32);
    for (let left = bytes; left > 0; left -= piece.length) sent.write(piece);
    if (!headers["content-length"]) sent.end();
  });
}
