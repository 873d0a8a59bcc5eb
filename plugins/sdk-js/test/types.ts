// Compiled and never run: that the types say what a plugin and its tests may write, and refuse what they may not.
import { type Call, type Receiver, type Sink, type Source, type Transform, delivered, ok } from '@lienthong/sdk';
import { Hub } from '@lienthong/sdk/testing';

const receiver: Receiver = {
  async receive(call, { body, name }) {
    for (const line of body.lines(1024)) call.emit('a', { text: line.text, name });
    return { contentType: 'text/plain', body: 'ok' };
  },
};
const source: Source = { poll: async (call, { since }) => ({ next: since, more: ok(await call.fetch('http://a/')).status === 200 }) };
const transform: Transform = { apply: (now, groups) => groups.map(({ key, records }) => ({ key, outputs: [{ port: 'a', records: [{ now, n: records.length }] }] })) };
const sink: Sink = { deliver: (_, { items }) => items.map(() => delivered()) };

export async function tests() {
  const hub = new Hub({ settings: { a: 1 }, answers: [new Response('')] });
  await hub.receive(receiver, 'text');
  await hub.poll(source);
  await hub.apply(transform, [{ key: 'k' }]);
  await hub.deliver(sink, 'c/d', [{ n: 1 }]);
  return hub.records('a');
}

export function wrong(call: Call) {
  // @ts-expect-error a record is an object
  call.emit('a', 'text');
  // @ts-expect-error there is no such level
  call.log('loud', 'text');
  // @ts-expect-error a reply has a media type
  const reply: Receiver = { receive: () => ({ body: 'text' }) };
  return reply;
}
