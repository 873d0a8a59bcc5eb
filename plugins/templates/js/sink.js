// @ts-check
// Posts records of __schema__ to an agency's system, one by one.
import { delivered, refused, retry } from '@lienthong/sdk';

/** @typedef {import('./records').__Record__} __Record__ */

/** @type {import('@lienthong/sdk').Sink} */
export const sink = {
  /** One request a record. The record's id goes with it, so that the system knows a repeat: a batch may come again. */
  async deliver(context, { items }) {
    const statuses = [];
    for (const { id, record } of items) statuses.push(await post(context, id, record));
    return statuses;
  },
};

async function post(/** @type {import('@lienthong/sdk').Context} */ context, /** @type {string} */ id, /** @type {any} */ record) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': id };
  let answer;
  try {
    answer = await context.fetch(String(context.settings.url), { method: 'POST', headers, body: JSON.stringify(fromRecord(record)) });
  } catch (error) {
    return retry(error instanceof Error ? error.message : String(error));
  }
  const { status } = answer;
  // 409: it has this id already.
  if (answer.ok || status === 409) return delivered();
  const said = `the server answered ${status}`;
  return status >= 500 || [408, 425, 429].includes(status) ? retry(said) : refused(said);
}

/** A record as your system takes it. */
function fromRecord(/** @type {__Record__} */ record) {
  return record;
}
