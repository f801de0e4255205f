// What docs/d1.md says of D1, Workers KV, R2 and a Worker, checked where they are. `GET /` lists the facts, `GET /<fact>` checks
// one and answers `ok` or the difference. Run by `cargo xtask probe`.

const marks = (count) => Array.from({ length: count }, (_, index) => `?${index + 1}`).join(", ");
const repeated = (count, text, joint) => Array(count).fill(text).join(joint);

/** The rows of one statement. */
const rows = async (db, sql, ...params) => (await db.prepare(sql).bind(...params).all()).results;

/** The first row of one statement. */
const row = async (db, sql, ...params) => (await rows(db, sql, ...params))[0];

/** Why a statement fails. */
const refusal = (db, sql, ...params) => rows(db, sql, ...params).then(() => "taken", (error) => error.message);

/** Why a call fails. */
const failure = (call) => Promise.resolve().then(call).then(() => "taken", (error) => error.message);

/** Each fact: what is found, and what is expected. */
const facts = {
  integers_are_bound_as_reals: async (db) => [
    await row(db, "SELECT typeof(?1) AS a, 'x' || ?1 AS b, json_array(?1) AS c, CAST(?2 AS TEXT) AS d", 7, 2 ** 53 - 1),
    { a: "real", b: "x7.0", c: "[7.0]", d: "9.00719925474099e+15" },
  ],
  integer_columns_turn_bound_integers_back: async (db) => {
    await db.exec("CREATE TABLE strict (typed INTEGER, any_ ANY) STRICT");
    await db.exec("CREATE TABLE loose (typed INTEGER, untyped)");
    await rows(db, "INSERT INTO strict VALUES (?1, ?1)", 7);
    await rows(db, "INSERT INTO loose VALUES (?1, ?1)", 7);
    const strict = await row(db, "SELECT typeof(typed) AS a, typeof(any_) AS b FROM strict");
    const loose = await row(db, "SELECT typeof(typed) AS a, typeof(untyped) AS b FROM loose");
    return [[strict, loose], [{ a: "integer", b: "real" }, { a: "integer", b: "real" }]];
  },
  integers_from_json_each_are_integers: async (db) => [
    await rows(db, "SELECT value, typeof(value) AS kind FROM json_each(?1)", "[7]"),
    [{ value: 7, kind: "integer" }],
  ],
  whole_reals_come_back_without_a_fraction: async (db) => [
    await row(db, "SELECT 3.0 AS a, typeof(3.0) AS b"),
    { a: 3, b: "real" },
  ],
  integers_beyond_2_pow_53_are_rounded: async (db) => [
    await row(db, "SELECT 9007199254740993 AS a"),
    { a: 9007199254740992 },
  ],
  infinity_and_nan_become_null: async (db) => [
    await row(db, "SELECT typeof(?1) AS a, typeof(?2) AS b", Infinity, NaN),
    { a: "null", b: "null" },
  ],
  blobs_come_back_as_arrays_of_numbers: async (db) => [
    await row(db, "SELECT x'00ff' AS a, x'' AS b, typeof(?1) AS c", new Uint8Array([1])),
    { a: [0, 255], b: [], c: "blob" },
  ],
  columns_of_one_name_collapse: async (db) => [await row(db, "SELECT 1 AS a, 2 AS a"), { a: 2 }],
  columns_named_like_numbers_come_first: async (db) => [
    Object.keys(await row(db, "SELECT 1 AS b, 2 AS \"10\", 3 AS a, 4 AS \"2\"")),
    ["2", "10", "b", "a"],
  ],
  results_of_writes_are_empty_lists: async (db) => {
    const results = await db.batch([db.prepare("CREATE TABLE t (n INTEGER)"), db.prepare("INSERT INTO t VALUES (1)")]);
    return [results.map((it) => it.results), [[], []]];
  },
  two_statements_in_one_are_both_run: async (db) => {
    await db.exec("CREATE TABLE t (n INTEGER)");
    await rows(db, "SELECT 1 AS n; INSERT INTO t VALUES (1)");
    await db.batch([db.prepare("INSERT INTO t VALUES (2); INSERT INTO t VALUES (3)")]);
    return [await row(db, "SELECT count(*) AS n FROM t"), { n: 3 }];
  },
  double_quoted_text_is_a_literal: async (db) => {
    await db.exec("CREATE TABLE t (n INTEGER)");
    await db.exec("INSERT INTO t VALUES (1)");
    return [await rows(db, 'SELECT "no_such_column" AS a FROM t'), [{ a: "no_such_column" }]];
  },
  changes_and_last_row_id_speak_of_shadow_tables: async (db) => {
    await db.exec("CREATE VIRTUAL TABLE f USING fts5(x)");
    const { changes } = (await db.prepare("INSERT INTO f VALUES ('a')").run()).meta;
    return [changes > 1, true];
  },
  generated_columns_can_be_dropped: async (db) => {
    await db.exec("CREATE TABLE t (n INTEGER)");
    await db.exec("ALTER TABLE t ADD COLUMN q INTEGER GENERATED ALWAYS AS (n + 1) VIRTUAL");
    await db.exec("ALTER TABLE t DROP COLUMN q");
    return [await rows(db, "SELECT name FROM pragma_table_xinfo('t')"), [{ name: "n" }]];
  },
  foreign_keys_are_on: async (db) => [await row(db, "PRAGMA foreign_keys"), { foreign_keys: 1 }],
  errors_name_the_check_and_the_columns: async (db) => {
    await db.exec("CREATE TABLE t (n INTEGER UNIQUE, CONSTRAINT stratus_small CHECK (n < 10))");
    await db.exec("INSERT INTO t VALUES (1)");
    return [
      [await refusal(db, "INSERT INTO t VALUES (10)"), await refusal(db, "INSERT INTO t VALUES (1)")],
      [
        "D1_ERROR: CHECK constraint failed: stratus_small: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)",
        "D1_ERROR: UNIQUE constraint failed: t.n: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)",
      ],
    ];
  },
  limit_of_100_parameters: async (db) => [
    [
      await refusal(db, `SELECT 1 AS n WHERE 1 IN (${marks(100)})`, ...Array(100).fill(1)),
      await refusal(db, `SELECT 1 AS n WHERE 1 IN (${marks(101)})`, ...Array(101).fill(1)),
    ],
    ["taken", "D1_ERROR: variable number must be between ?1 and ?100 at offset 518: SQLITE_ERROR"],
  ],
  limit_of_100_columns: async (db) => {
    const columns = (count) => Array.from({ length: count }, (_, index) => `c${index}`).join(", ");
    return [
      [
        await refusal(db, `CREATE TABLE wide (${columns(100)})`),
        await refusal(db, `CREATE TABLE wider (${columns(101)})`),
      ],
      ["taken", "D1_ERROR: too many columns on wider: SQLITE_ERROR"],
    ];
  },
  limit_of_5_compound_terms: async (db) => [
    [
      await refusal(db, repeated(5, "SELECT 1 AS n", " UNION ALL ")),
      await refusal(db, repeated(6, "SELECT 1 AS n", " UNION ALL ")),
      await refusal(db, `VALUES ${repeated(600, "(1)", ", ")}`),
    ],
    ["taken", "D1_ERROR: too many terms in compound SELECT: SQLITE_ERROR", "taken"],
  ],
  limit_of_100_levels_of_expression: async (db) => [
    [await refusal(db, `SELECT ${repeated(100, "1", " + ")} AS n`), await refusal(db, `SELECT ${repeated(101, "1", " + ")} AS n`)],
    ["taken", "D1_ERROR: Expression tree is too large (maximum depth 100): SQLITE_ERROR"],
  ],
  limit_of_100_000_bytes_of_sql: async (db) => {
    const sql = (bytes) => "SELECT 1 AS n -- ".padEnd(bytes, "x");
    return [
      [await refusal(db, sql(100_000)), await refusal(db, sql(100_001))],
      ["taken", "D1_ERROR: statement too long: SQLITE_TOOBIG"],
    ];
  },
  limit_of_50_bytes_of_pattern: async (db) => [
    [
      await refusal(db, "SELECT 'a' LIKE ?1 AS n", "x".repeat(50)),
      await refusal(db, "SELECT 'a' LIKE ?1 AS n", "x".repeat(51)),
    ],
    ["taken", "D1_ERROR: LIKE or GLOB pattern too complex: SQLITE_ERROR"],
  ],
  limit_of_2_200_000_bytes_of_value: async (db) => [
    [
      await refusal(db, "SELECT length(zeroblob(2200000)) AS n"),
      await refusal(db, "SELECT length(zeroblob(2200001)) AS n"),
    ],
    ["taken", "D1_ERROR: string or blob too big: SQLITE_TOOBIG"],
  ],
  not_everything_is_authorized: async (db) => {
    const said = [];
    for (const sql of [
      "PRAGMA user_version",
      "PRAGMA compile_options",
      "ATTACH ':memory:' AS other",
      "CREATE TEMP TABLE t (n)",
      "SELECT sqlite_version() AS n",
    ]) {
      said.push((await refusal(db, sql)).startsWith("D1_ERROR: not authorized"));
    }
    return [said, Array(5).fill(true)];
  },
  transactions_are_refused: async (db) => {
    const said = [];
    for (const sql of ["BEGIN", "COMMIT", "SAVEPOINT a"]) said.push((await refusal(db, sql)) !== "taken");
    return [said, [true, true, true]];
  },
  any_bookmark_is_taken: async (db) => {
    const session = db.withSession("garbage");
    return [[(await session.prepare("SELECT 1 AS n").all()).results, session.getBookmark()], [[{ n: 1 }], "garbage"]];
  },
  a_bookmark_from_the_future_is_not_waited_for: async (db) => {
    const future = "ffffffff-ffffffff-ffffffff-ffffffffffffffffffffffffffffffff";
    const session = db.withSession(future);
    return [[(await session.prepare("SELECT 1 AS n").all()).results, session.getBookmark()], [[{ n: 1 }], future]];
  },
  a_session_has_a_bookmark_after_its_first_call: async (db) => {
    const session = db.withSession("first-primary");
    const before = session.getBookmark();
    await session.batch([session.prepare("SELECT 1 AS n")]);
    return [[before, /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/.test(session.getBookmark())], [null, true]];
  },
  kv_absence_is_null: async (db, kv) => [
    [await kv.get("none", "arrayBuffer"), await failure(() => kv.delete("none"))],
    [null, "taken"],
  ],
  kv_keys_have_at_most_512_bytes: async (db, kv) => [
    [
      await failure(() => kv.put("k".repeat(512), "")),
      await failure(() => kv.get("k".repeat(513))),
      await failure(() => kv.put("é".repeat(257), "")),
    ],
    [
      "taken",
      "KV GET failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.",
      "KV PUT failed: 414 UTF-8 encoded length of 514 exceeds key length limit of 512.",
    ],
  ],
  kv_takes_no_empty_key_and_no_dots: async (db, kv) => [
    [await failure(() => kv.get("")), await failure(() => kv.put(".", "")), await failure(() => kv.delete(".."))],
    ["Key name cannot be empty.", '"." is not allowed as a key name.', '".." is not allowed as a key name.'],
  ],
  kv_takes_any_other_key: async (db, kv) => {
    const keys = [" ", "../x", "a/b", "a?b#c", "a\0b", "é%2F%"];
    for (const key of keys) await kv.put(key, key);
    return [await Promise.all(keys.map((key) => kv.get(key))), keys];
  },
  kv_times_to_live_are_60_seconds_to_68_years: async (db, kv) => {
    const put = (expirationTtl) => failure(() => kv.put("k", "", { expirationTtl }));
    return [
      [await put(59), await put(60), await put(2 ** 31 - 1), await put(2 ** 31)],
      [
        "KV PUT failed: 400 Invalid expiration_ttl of 59. Expiration TTL must be at least 60.",
        "taken",
        "taken",
        "Value out of range. Must be between -2147483648 and 2147483647 (inclusive).",
      ],
    ];
  },
  kv_values_have_at_most_25_mib: async (db, kv) => {
    const put = (bytes) => failure(() => kv.put("k", new Uint8Array(bytes)));
    return [
      [await put(25 * 2 ** 20), await put(25 * 2 ** 20 + 1)],
      ["taken", "KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400."],
    ];
  },
  r2_absence_is_null: async (db, kv, r2) => [
    [await r2.get("none"), await failure(() => r2.delete("none"))],
    [null, "taken"],
  ],
  r2_keys_have_at_most_1024_bytes: async (db, kv, r2) => [
    [await failure(() => r2.put("k".repeat(1024), "")), await failure(() => r2.put("k".repeat(1025), ""))],
    ["taken", "put: The specified object name is not valid. (10020)"],
  ],
  r2_keeps_any_content_type: async (db, kv, r2) => {
    const found = [];
    for (const contentType of ["text/plain; charset=utf-8", "", "é\n", undefined]) {
      await r2.put("k", "x", { httpMetadata: { contentType } });
      found.push((await r2.get("k")).httpMetadata.contentType ?? "none");
    }
    return [found, ["text/plain; charset=utf-8", "", "é\n", "none"]];
  },
  time_moves_without_io: async () => {
    const start = Date.now();
    let rounds = 0;
    while (Date.now() === start && rounds < 1e9) rounds += 1;
    return [Date.now() > start, true];
  },
  random_bytes_come_65_536_at_once: async () => [
    await failure(() => crypto.getRandomValues(new Uint8Array(65_537))),
    "getRandomValues() only accepts buffers of size <= 64K but provided 65537 bytes.",
  ],
};

/** Each fact meets an empty database. */
async function empty(db) {
  const named = await rows(
    db,
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%cf%' " +
      "ORDER BY sql LIKE 'CREATE VIRTUAL%' DESC",
  );
  for (const { name } of named) await rows(db, `DROP TABLE IF EXISTS "${name}"`);
}

export default {
  async fetch(request, env) {
    const fact = new URL(request.url).pathname.slice(1);
    if (fact === "") return Response.json(Object.keys(facts));
    await empty(env.DB);
    const [found, expected] = (await facts[fact](env.DB, env.KV, env.R2)).map((it) => JSON.stringify(it));
    return new Response(found === expected ? "ok" : `found    ${found}\nexpected ${expected}`);
  },
};
