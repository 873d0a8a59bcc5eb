import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { read } from './shared.js';

const folder = new URL('../fixtures/', import.meta.url);
const ndjson = (items) => items.map((item) => JSON.stringify(item) + '\n').join('');

// `UPDATE=1 npm test` writes what is expected anew, for a person to read and commit.
for (const name of readdirSync(folder).filter((name) => name.endsWith('.ics'))) {
  test(`${name} becomes what is written beside it`, async () => {
    const { records, rejects } = await read(readFileSync(new URL(name, folder)), { name });
    for (const [kind, found] of Object.entries({ records, rejects })) {
      const file = new URL(name.replace(/\.ics$/, `.${kind}.ndjson`), folder);
      if (process.env.UPDATE) writeFileSync(file, ndjson(found));
      assert.equal(ndjson(found), existsSync(file) ? readFileSync(file, 'utf8') : '');
    }
  });
}
