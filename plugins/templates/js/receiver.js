// @ts-check
// Reads __schema__ from files of JSON lines.

/** @typedef {import('./records').__Record__} __Record__ */

const PORT = '__port__';

/** @type {import('@lienthong/sdk').Receiver} */
export const receiver = {
  /** One record a line, as JSON and in its own names: put your system's format in its place. */
  receive(call, { body }) {
    for (const line of body.lines()) {
      if (line.text?.trim() === '') continue;
      const row = parsed(line.text);
      if (row === undefined) call.reject(PORT, line.bytes, 'this line is no JSON object', `line ${line.number}`);
      else call.emit(PORT, toRecord(row));
    }
  },
};

/** @returns {any} a row, or undefined where the text is none */
function parsed(/** @type {string | undefined} */ text) {
  try {
    const value = JSON.parse(text ?? '');
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A row of your system as a record. @returns {__Record__} */
function toRecord(/** @type {any} */ row) {
  return { ...row };
}
