// @ts-check
// Passes on the first record of each key, and counts the others.
import { utf8 } from '@lienthong/sdk';

/** @typedef {import('./records').__Record__} __Record__ */

const PORT = '__port__';

/** @type {import('@lienthong/sdk').Transform} */
export const transform = {
  /** The state of a key is how many records it has had: put your own memory in its place. */
  apply(now, groups) {
    return groups.map(({ key, state, records }) => {
      const before = counted(state);
      return {
        key,
        outputs: before === 0 && records.length > 0 ? [{ port: PORT, records: [/** @type {__Record__} */ (records[0])] }] : [],
        state: String(before + records.length),
      };
    });
  },
};

/** A state that cannot be read is one that this version did not write: begin again. */
function counted(/** @type {Uint8Array | undefined} */ state) {
  const count = state === undefined ? 0 : Number(utf8(state));
  return Number.isSafeInteger(count) && count >= 0 ? count : 0;
}
