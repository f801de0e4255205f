// `cargo xtask bench worker`: reads of the Worker against a bare one that runs the same SQL.
//
// `node bench.mjs <folder with node_modules> <folder of the Worker> <JSON: rounds, page>`

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { availableParallelism, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";

import { chore, start } from "./host.mjs";
import { LIMIT, files, startup } from "./weight.mjs";

const [tools, worker, text] = process.argv.slice(2);
const { rounds, page } = JSON.parse(text);

const TOKEN = "0123456789abcdef0123456789abcdef";
const POSTS = 1_000;
/** Documents that are asked for in turn. */
const SAMPLE = 100;
const CONNECTIONS = 8;
/** How long one side has its turn, in milliseconds, and how many turns make a round. */
const TURN = 500;
const TURNS = 4;
/** What the Worker should reach of the bare one's requests a second. */
const FAST = { text: "≥ 0.6", holds: (ratio) => ratio >= 0.6 };
const SMALL = { text: "≤ 1", holds: (ratio) => ratio <= 1 };
/** A socket of a Worker's own, without miniflare's router in front. */
const DIRECT = { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] };
const MARKS = ["<!-- bench-worker:begin -->", "<!-- bench-worker:end -->"];

/** The Worker with an ear at its database; `/asked` tells what it has sent since it was last asked. */
const LISTENING = `
  import stratus from "./index.js";
  export { Chores } from "./index.js";

  let batches = [];
  const heard = new WeakSet();

  function listen(database) {
    if (heard.has(database)) return;
    heard.add(database);
    const open = database.withSession;
    database.withSession = (anchor) => {
      const session = open.call(database, anchor);
      const send = session.batch;
      session.batch = (statements) => {
        batches.push({ anchor, statements: statements.map(({ statement: sql, params }) => ({ sql, params })) });
        return send.call(session, statements);
      };
      return session;
    };
  }

  export default {
    fetch(request, env, context) {
      if (new URL(request.url).pathname === "/asked") return Response.json(batches.splice(0));
      listen(env.DB);
      return stratus.fetch(request, env, context);
    },
  };`;

/** The floor: it asks the database the same, waits for the answer, and gives what it has at hand. */
const bare = (answers) => `
  const answers = ${JSON.stringify(answers)};
  const encoder = new TextEncoder();
  for (const answer of Object.values(answers)) answer.bytes = encoder.encode(answer.body);

  export default {
    async fetch({ url }, { DB }) {
      const { anchor, statements, status, headers, bytes } = answers[url.slice(url.indexOf("/", 8))];
      const session = DB.withSession(anchor);
      await session.batch(statements.map(({ sql, params }) => session.prepare(sql).bind(...params)));
      return new Response(bytes, { status, headers });
    },
  };`;

// In memory: the D1 of this machine syncs a file for every read, and two that wait for a disk look alike.
const state = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "stratus-worker-bench-"));
const options = {
  tools,
  worker,
  persist: state,
  bindings: { STRATUS_ADMIN_TOKEN: TOKEN, STRATUS_LOG: "warn" },
  log: (stdout, stderr) => [stdout, stderr].forEach((it) => it.pipe(process.stderr)),
};
let workerd;
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
  process.on(signal, async () => {
    await workerd?.dispose().catch(() => {});
    rmSync(state, { recursive: true, force: true });
    process.exit(1);
  });
}
try {
  const { calls, answers } = await prepare();
  workerd = start({ ...options, more: DIRECT, others: [{ name: "bare", script: bare(answers), ...DIRECT }] });
  await workerd.ready;
  const [stratus, floor] = [await workerd.unsafeGetDirectURL("stratus"), await workerd.unsafeGetDirectURL("bare")];
  for (const path of Object.keys(answers)) await answerAlike(stratus, floor, path);
  const lines = [];
  for (const [what, paths] of Object.entries(calls)) lines.push(...(await compare(what, [stratus, floor], paths)));
  lines.push(...(await weigh()));
  tell(lines);
} finally {
  await workerd?.dispose();
  rmSync(state, { recursive: true, force: true });
}

/** Fills a database and notes what each request asks of it, and what it is answered. */
async function prepare() {
  workerd = start({ ...options, more: { script: LISTENING, scriptPath: "listening.js", ...DIRECT } });
  await workerd.ready;
  const base = await workerd.unsafeGetDirectURL("stratus");
  await chore(workerd, "migrate");
  const posts = await fill(base);
  const asked = async () => (await fetch(new URL("/asked", base))).json();
  const sample = posts.filter((_, i) => i % (POSTS / SAMPLE) === 0);
  const calls = {
    "GET by id": sample.map(({ id }) => `/api/posts/${id}`),
    "GET by slug": sample.map(({ slug }) => `/api/posts/slug/${slug}`),
    "GET list of 20": ["/api/posts"],
  };
  const answers = {};
  await asked();
  for (const path of Object.values(calls).flat()) {
    const { status, headers, body } = await fetched(base, path);
    assert.equal(status, 200, body);
    const batches = await asked();
    assert.equal(batches.length, 1, `${path} asks the database ${batches.length} times`);
    assert.ok(batches[0].statements.every(({ sql, params }) => sql && Array.isArray(params)));
    answers[path] = { status, headers, body, ...batches[0] };
  }
  await workerd.dispose();
  workerd = undefined;
  return { calls, answers };
}

/** Posts of about 1.5 KB of JSON, the same ones in every run but for what the Worker gives them. */
async function fill(base) {
  const words = "the of harbour editor winter letter engine garden column archive and window railway paper".split(" ");
  let seed = 1;
  const dice = (sides) => (seed = (seed * 48271) % 0x7fffffff) % sides;
  const prose = (count) => Array.from({ length: count }, () => words[dice(words.length)]).join(" ");
  const make = async (collection, fields) => {
    const answer = await fetch(new URL(`/api/${collection}`, base), {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ publish: true, fields }),
    });
    const made = await answer.json();
    assert.equal(answer.status, 201, JSON.stringify(made));
    return made.data;
  };
  const author = (await make("authors", { name: "Ada", bio: prose(40) })).id;
  const categories = [];
  for (const name of ["Sea", "Land"]) categories.push((await make("categories", { name })).id);
  const posts = [];
  for (let i = 0; i < POSTS; i += 1) {
    const [title, excerpt, body] = [`${prose(4)} ${i}`, prose(24), prose(140 + dice(50))];
    const [tags, cover] = [words.slice(i % 9, (i % 9) + 3), `https://images.example.org/${i}.jpg`];
    const fields = { title, excerpt, body, author, categories, tags, featured: i % 10 === 0, rating: 3.5, cover };
    posts.push(await make("posts", fields));
  }
  return posts;
}

async function fetched(base, path) {
  const answer = await fetch(new URL(path, base));
  // Given by whoever sends it, and again.
  const headers = [...answer.headers].filter(([name]) => !["content-length", "date"].includes(name));
  return { status: answer.status, headers, body: await answer.text() };
}

/** Both give the same, to the byte; only the id of a request is always another one. */
async function answerAlike(stratus, floor, path) {
  const [ours, theirs] = [await fetched(stratus, path), await fetched(floor, path)];
  for (const answer of [ours, theirs]) {
    answer.headers = answer.headers.map(([name, value]) => [name, name === "x-request-id" ? value.length : value]);
  }
  assert.deepEqual(ours, theirs);
}

/** Rounds of short turns, forwards and backwards; the first round doesn't count. */
async function compare(what, sides, paths) {
  const turns = [];
  for (let round = 0; round <= rounds; round += 1) {
    const sums = sides.map(() => ({ count: 0, took: 0, spent: 0 }));
    for (let turn = 0; turn < TURNS; turn += 1) {
      for (const side of turn % 2 === 0 ? [0, 1] : [1, 0]) await load(sides[side], paths, sums[side]);
    }
    const figures = ({ count, took, spent }) => ({ rate: (count * 1_000) / took, spent: spent / count });
    if (round > 0) turns.push(sums.map(figures));
  }
  const line = (name, figure, text, ratios, target) => {
    const { median, least, most } = spread(ratios);
    const [ours, theirs] = [0, 1].map((side) => text(spread(turns.map((turn) => figure(turn[side]))).median));
    return { what: name, ours, theirs, ratio: median, rounds: `${least.toFixed(2)}–${most.toFixed(2)}`, target };
  };
  const [rate, spent] = [({ rate }) => rate, ({ spent }) => spent];
  return [
    line(what, rate, (it) => `${it.toFixed(0)}/s`, turns.map(([ours, theirs]) => ours.rate / theirs.rate), FAST),
    line(`${what}, CPU`, spent, (it) => `${it.toFixed(0)} µs`, turns.map(([ours, theirs]) => theirs.spent / ours.spent)),
  ];
}

/** Adds up requests, the milliseconds they took and the microseconds of processor time that workerd spent. */
async function load({ hostname, port }, paths, sum) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let count = 0;
  const ask = (path) =>
    new Promise((resolve, reject) => {
      const request = get({ hostname, port, path, agent }, (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`GET ${path} is ${answer.statusCode}`));
        answer.on("error", reject).on("end", resolve).resume();
      });
      request.on("error", reject);
    });
  const [before, begun] = [processorTime(), performance.now()];
  const connection = async () => {
    while (performance.now() - begun < TURN) await ask(paths[(sum.count + count++) % paths.length]);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  sum.count += count;
  sum.took += performance.now() - begun;
  sum.spent += processorTime() - before;
  agent.destroy();
}

/** Of the processes that this one has started, in microseconds. */
function processorTime() {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ");
  const ticks = children.map((pid) => {
    const [, stat] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
    const [user, system] = stat.split(" ").slice(11, 13);
    return Number(user) + Number(system);
  });
  return ticks.reduce((sum, it) => sum + it) * 10_000;
}

function spread(figures) {
  const sorted = figures.toSorted((a, b) => a - b);
  const [low, high] = [Math.floor((sorted.length - 1) / 2), Math.ceil((sorted.length - 1) / 2)];
  return { median: (sorted[low] + sorted[high]) / 2, least: sorted[0], most: sorted.at(-1) };
}

/** The size, and what an instance costs to start. */
async function weigh() {
  const gzipped = files(worker).reduce((sum, it) => sum + it.gzipped, 0);
  const { compile, instantiate } = await startup(worker);
  const kib = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`;
  return [
    { what: "size, gzipped; floor: what it may be", ours: kib(gzipped), theirs: kib(LIMIT), ratio: gzipped / LIMIT, target: SMALL },
    { what: "CPU to compile the module, once a machine", ours: `${compile.toFixed(1)} ms` },
    { what: "CPU to instantiate it, once an isolate", ours: `${instantiate.toFixed(1)} ms` },
  ];
}

/** The table, on the terminal and, if there is one, in the page. A missed target fails nothing. */
function tell(lines) {
  const rows = lines.map(({ what, ours, theirs = "", ratio, rounds = "", target }) => {
    const verdict = target ? (target.holds(ratio) ? "met" : "MISSED") : "";
    return [what, ours, theirs, ratio?.toFixed(2) ?? "", rounds, target?.text ?? "", verdict];
  });
  const table = [["what", "Stratus", "floor", "ratio", "rounds", "target", ""], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  table.splice(1, 0, widths.map((width) => "-".repeat(width)));
  const shown = table.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |\n`).join("");
  console.log(shown);
  if (page) {
    const [before, rest] = readFileSync(page, "utf8").split(MARKS[0]);
    const after = rest?.split(MARKS[1])[1];
    assert.ok(after !== undefined, `the page lacks ${MARKS.join(" and ")}`);
    writeFileSync(page, `${before}${MARKS[0]}\n${described()}\n\n${shown}\n${MARKS[1]}${after}`);
    console.log("docs/performance.md is rewritten");
  }
}

function described() {
  const git = (...words) => execFileSync("git", words, { encoding: "utf8" }).trim();
  const commit = git("rev-parse", "--short", "HEAD");
  const changed = git("status", "--porcelain", "--untracked-files=no") ? " with changes" : "";
  const { version } = JSON.parse(readFileSync(join(tools, "node_modules/workerd/package.json"), "utf8"));
  const day = new Date().toISOString().slice(0, 10);
  return (
    `\`cargo xtask bench worker --rounds ${rounds} --write\` at commit ${commit}${changed}, ${day}. ` +
    `${cpus()[0].model}, ${availableParallelism()} cores; Linux ${release()}; workerd ${version}, Node ${process.versions.node}.`
  );
}
