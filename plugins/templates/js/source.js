// @ts-check
// Fetches __schema__ page by page.
import { Upstream, ok, utf8 } from '@lienthong/sdk';

/** @typedef {import('./records').__Record__} __Record__ */

const PORT = '__port__';

/** @type {import('@lienthong/sdk').Source} */
export const source = {
  /** One page a call. The cursor is what the page before called its next one: put your system's paging in its place. */
  async poll(call, { since }) {
    const after = since === undefined ? '' : utf8(since);
    const answer = ok(await call.fetch(`${call.settings.url}?after=${after}`));
    const page = parsed(await answer.text());
    for (const [index, item] of page.items.entries()) {
      if (isRow(item)) call.emit(PORT, toRecord(item));
      else call.reject(PORT, JSON.stringify(item), 'this item is no JSON object', `/items/${index}`);
    }
    return { next: page.next ?? undefined, more: page.next != null };
  },
};

/** A page that cannot be read is the system's trouble, and may be whole next time. */
function parsed(/** @type {string} */ text) {
  try {
    const page = JSON.parse(text);
    if (Array.isArray(page.items) && (page.next == null || typeof page.next === 'string')) return page;
  } catch {
    // Told below.
  }
  throw new Upstream('the answer is no page of items');
}

function isRow(/** @type {unknown} */ item) {
  return item !== null && typeof item === 'object' && !Array.isArray(item);
}

/** An item of your system as a record. @returns {__Record__} */
function toRecord(/** @type {any} */ item) {
  return { ...item };
}
