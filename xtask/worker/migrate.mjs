// `cargo xtask worker migrate --local`: brings a kept database up to date and says what that took.
//
// `node migrate.mjs <folder with node_modules> <folder of the Worker> <folder that is kept>`

import { chore, start } from "./host.mjs";

const [tools, worker, persist] = process.argv.slice(2);

const workerd = start({
  tools,
  worker,
  persist,
  log: (stdout, stderr) => {
    stdout.pipe(process.stderr);
    stderr.pipe(process.stderr);
  },
});
try {
  const { applied, columns, indexes, dropped, rewritten } = await chore(workerd, "migrate");
  for (const name of applied) console.log(`applied ${name}`);
  for (const name of columns) console.log(`added column ${name}`);
  for (const name of indexes) console.log(`added index ${name}`);
  for (const name of dropped) console.log(`dropped ${name}`);
  if (rewritten > 0) console.log(`rewrote ${rewritten} rows that were written under another definition`);
  const changes = applied.length + columns.length + indexes.length + dropped.length + rewritten;
  if (changes === 0) console.log("up to date; nothing to do");
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
} finally {
  await workerd.dispose();
}
