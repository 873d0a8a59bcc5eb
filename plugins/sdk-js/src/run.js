// The four interfaces, between the contract's shapes and the plugin's. The sandbox and the tests come through here alike.
import { Internal } from './failure.js';

/** The plugin's implementation of an interface: the object of that name which its main module exports. */
export function implementation(plugin, name, method) {
  const found = plugin[name];
  if (typeof found?.[method] !== 'function') {
    throw new Error(`the plugin's main module exports no \`${name}\` with a function \`${method}\`: write \`export const ${name} = { ${method}(…) { … } }\``);
  }
  return found;
}

/** `receiver.receive`: the reply, if there is one. */
export async function receive(receiver, call, message) {
  const reply = await receiver.receive(call, message);
  call.flush();
  if (reply === undefined || reply === null) return undefined;
  return { contentType: reply.contentType, body: bytes(reply.body) };
}

/** `source.poll`: how far it came. A cursor is bytes, or a text that comes back as one. */
export async function poll(source, call, { now, since, maxRecords }) {
  const progress = (await source.poll(call, { now, since, maxRecords })) ?? {};
  call.flush();
  return { next: progress.next === undefined ? undefined : bytes(progress.next), more: progress.more === true };
}

/** `transform.apply`: one result a group, in the groups' order. */
export async function apply(transform, now, groups) {
  const folded = await transform.apply(
    now,
    groups.map(({ key, state, records }) => ({ key, state, records: [...read(records)] })),
  );
  if (!Array.isArray(folded)) throw new Internal('`apply` must return a list with one result a group');
  return folded.map(({ key, outputs = [], rejects = [], state }) => ({
    key,
    outputs: outputs.map(({ port, records }) => ({ port, records: ndjson(records) })),
    rejects: rejects.map(({ bytes: item, reason, at }) => ({ bytes: bytes(item), reason, at })),
    state: state === undefined || state === null ? undefined : bytes(state),
  }));
}

/** `sink.deliver`: one status a record, of `delivered`, `retry` and `refused`. */
export async function deliver(sink, context, { channel, ids, records }, idempotencyKey) {
  const items = [...read(records)].map((record, index) => ({ id: ids[index], record }));
  const statuses = await sink.deliver(context, { channel, items }, idempotencyKey);
  if (!Array.isArray(statuses)) throw new Internal('`deliver` must return a list with one status a record');
  return statuses;
}

/** The record is with the agency system. */
export const delivered = () => ({ tag: 'delivered' });
/** Try this one again later; why. */
export const retry = (why) => ({ tag: 'retry', val: why });
/** The system will never take it; why. */
export const refused = (why) => ({ tag: 'refused', val: why });

function* read(records) {
  for (const line of new TextDecoder().decode(records).split('\n')) if (line !== '') yield JSON.parse(line);
}

function ndjson(records) {
  return new TextEncoder().encode(records.map((record) => JSON.stringify(record) + '\n').join(''));
}

function bytes(value) {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  // What the hub handed in may be of another realm, where `instanceof` does not hold.
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (Object.prototype.toString.call(value) === '[object ArrayBuffer]') return new Uint8Array(value);
  throw new Internal('bytes must be a Uint8Array or a string');
}
