// The demo's content, through the API like anybody's: documents refer to others by slug in the
// files, and by id on the wire.

import { readFileSync, existsSync } from "node:fs";
import { join } from "node:path";

/** What a document refers to stands in a collection before its own. */
const ORDER = ["authors", "categories", "posts", "comments"];

const json = (path) => JSON.parse(readFileSync(path, "utf8"));

/** Fills a database without documents, and says how many it made. */
export async function load(base, token, folder) {
  const ids = new Map();
  let count = 0;
  if (await isFilled(base, token)) return count;
  for (const collection of ORDER) {
    const { fields: definitions } = json(join(folder, "collections", `${collection}.json`));
    for (const entry of json(join(folder, "content", `${collection}.json`))) {
      const body = join(folder, "content", collection, `${entry.slug}.md`);
      if (existsSync(body)) entry.fields.body = readFileSync(body, "utf8");
      for (const [name, { type, to }] of Object.entries(definitions)) {
        const value = entry.fields[name];
        if (type !== "reference" || value === undefined) continue;
        const id = (slug) => ids.get(`${to}/${slug}`);
        entry.fields[name] = Array.isArray(value) ? value.map(id) : id(value);
      }
      const made = await post(base, token, collection, entry);
      ids.set(`${collection}/${made.slug}`, made.id);
      count += 1;
    }
  }
  return count;
}

async function isFilled(base, token) {
  const headers = { authorization: `Bearer ${token}` };
  for (const collection of ORDER) {
    const answer = await fetch(new URL(`/api/${collection}?state=draft&limit=1`, base), { headers });
    if (!answer.ok) throw new Error(`the demo can't be loaded: ${await answer.text()}`);
    if ((await answer.json()).data.length > 0) return true;
  }
  return false;
}

async function post(base, token, collection, { slug, publish, fields }) {
  const answer = await fetch(new URL(`/api/${collection}`, base), {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ slug, publish, fields }),
  });
  if (!answer.ok) throw new Error(`the demo's ${slug ?? collection} can't be loaded: ${await answer.text()}`);
  return (await answer.json()).data;
}
