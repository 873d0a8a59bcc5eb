import assert from 'node:assert/strict';
import test from 'node:test';
import { runInNewContext } from 'node:vm';
import { Body, Config, Failure, InvalidInput, RateLimited, Upstream, delivered, ok, refused, retry } from '../src/index.js';
import { asFailure } from '../src/failure.js';
import { implementation } from '../src/run.js';
import { Hub } from '../src/testing.js';

/** A receiver of one function. */
const receiver = (receive) => ({ receive });

test('a body is read at any offset, whole within a bound, and in pieces', () => {
  const bytes = Uint8Array.from({ length: 400_000 }, (_, i) => i % 251);
  const body = Body.of(bytes);
  assert.deepEqual(Buffer.concat([...body.pieces()]), Buffer.from(bytes));
  assert.deepEqual(body.bytes(), bytes);
  assert.deepEqual([...body.read(399_998, 10)], [...bytes.subarray(399_998)]);
  assert.equal(body.read(400_000, 10).length, 0);
  assert.throws(() => body.bytes(399_999), new InvalidInput('the message has 400000 bytes and may have 399999'));
  assert.throws(() => Body.of(Uint8Array.of(0xff)).text(), InvalidInput);
  assert.equal(Body.of('\ufeffnăm').text(), 'năm');
});

test('lines come without their ends, bounded, with number and place', () => {
  const lines = (text, most) => [...Body.of(text).lines(most)].map(({ number, offset, text, tooLong }) => [number, offset, text, tooLong]);
  assert.deepEqual(lines('a\r\n\nbc'), [[1, 0, 'a', false], [2, 3, '', false], [3, 4, 'bc', false]]);
  assert.deepEqual(lines(''), []);
  assert.deepEqual(lines('a\n'), [[1, 0, 'a', false]]);
  assert.deepEqual(lines('abcde\nxy\n', 3), [[1, 0, 'abc', true], [2, 6, 'xy', false]]);
  assert.equal([...Body.of(Uint8Array.of(0xff, 10)).lines()][0].text, undefined);
  // Lines that lie across pieces of the body.
  const long = 'x'.repeat(200_000);
  assert.deepEqual(lines(`${long}\n${long}\r\nz`).map(([, offset, text]) => [offset, text.length]), [[0, 200_000], [200_001, 200_000], [400_003, 1]]);
});

test('records are collected, emitted in chunks, and told apart by their verdict', async () => {
  const hub = new Hub({ refuse: (_, { n }) => (n < 0 ? { pointer: '/n', keyword: 'minimum', message: 'too small' } : undefined) });
  const verdicts = [];
  await hub.receive(receiver((call) => {
    for (let n = -20; n < 5; n += 1) call.emit('a', { n });
    call.flush();
    verdicts.push(call.takeVerdict());
    call.emit('b', { n: 1 });
    verdicts.push(call.takeVerdict());
  }), '');
  assert.deepEqual(verdicts.map(({ accepted, refused, first }) => [accepted, refused, first.length]), [[5, 20, 16], [0, 0, 0]]);
  assert.deepEqual(hub.records('b'), [{ n: 1 }]);

  const large = new Hub();
  await large.receive(receiver((call) => { for (let n = 0; n < 10; n += 1) call.emit('a', { text: 'x'.repeat(100_000) }); }), '');
  assert.equal(large.records('a').length, 10);
  assert.ok(large.emitSizes.length > 2 && large.emitSizes.every((size) => size < 400_000), `${large.emitSizes}`);
});

test('what a message says, what is rejected, logged, attached and replied', async () => {
  const hub = new Hub({ settings: { a: 1 }, name: 'n.txt', contentType: 'text/plain', now: 7 });
  const reply = await hub.receive(receiver(async (call, { body, name, contentType, receivedAt }) => {
    assert.deepEqual([body.text(), name, contentType, receivedAt, call.settings], ['xin chào', 'n.txt', 'text/plain', 7, { a: 1 }]);
    call.reject('a', 'bad', 'why', 'line 1');
    call.log('warn', 'odd');
    const file = call.attach('a');
    file.write(new TextEncoder().encode('a'));
    file.write(new TextEncoder().encode('bc'));
    call.emit('a', await file.finish());
    assert.equal(call.rejected, 1);
    return { contentType: 'text/plain', body: 'thanks' };
  }), 'xin chào');
  // The example of FIPS 180-4.
  const sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.deepEqual(hub.records('a'), [{ sha256, size: 3 }]);
  assert.equal(hub.attachment('a', sha256).toString(), 'abc');
  assert.deepEqual(hub.rejects, [{ port: 'a', bytes: new TextEncoder().encode('bad'), reason: 'why', at: 'line 1' }]);
  assert.deepEqual(hub.logs, [{ level: 'warn', message: 'odd' }]);
  assert.deepEqual(reply, { contentType: 'text/plain', body: new TextEncoder().encode('thanks') });
});

test('what a record cannot be is an error, and a limit stops the call', async () => {
  for (const record of [null, [], 'text', undefined]) {
    await assert.rejects(new Hub().receive(receiver((call) => call.emit('a', record)), ''), { tag: 'internal' });
  }
  const stopped = new Hub({ maxEmits: 0 }).receive(receiver((call) => call.emit('a', {})), '');
  await assert.rejects(stopped, { tag: 'config', kind: 'limit' });
});

test('whatever is thrown becomes a failure with a message', () => {
  assert.deepEqual(asFailure(new Config('wrong')), { tag: 'config', val: 'wrong' });
  assert.deepEqual(asFailure(new RateLimited(5)), { tag: 'rate-limited', val: 5 });
  assert.deepEqual(asFailure(new RateLimited()), { tag: 'rate-limited', val: undefined });
  assert.deepEqual(asFailure('text'), { tag: 'internal', val: 'thrown: text' });
  const own = asFailure(new RangeError('out of bounds'));
  assert.match(own.val, /^RangeError: out of bounds\n +at .*sdk\.test\.js/);
  const deep = () => 1 + deep();
  try {
    deep();
  } catch (error) {
    error.stack = `${error.name}: ${error.message}\n${'deep@plugin.js:1\n'.repeat(9)}main@plugin.js:2`;
    assert.match(asFailure(error).val, /\ndeep@plugin\.js:1 \(9 times\)\nmain@plugin\.js:2$/);
  }
  for (const odd of [undefined, null, Symbol('s'), Object.create(null), { toString() { throw new Error('again'); } }]) {
    const { tag, val } = asFailure(odd);
    assert.equal(tag, 'internal');
    assert.match(val, /^thrown: /);
  }
});

test('a source fetches, and its cursor is bytes or a text', async () => {
  const hub = new Hub({ settings: { url: 'http://a.example/' }, now: 9, answers: [new Response('pong', { headers: { etag: 'e' } }), new TypeError('refused')] });
  const source = {
    async poll(call, { now, since, maxRecords }) {
      const response = ok(await call.fetch(call.settings.url, { headers: { 'if-none-match': 'x' } }));
      call.emit('a', { now, since: since && new TextDecoder().decode(since), maxRecords, text: await response.text() });
      return { next: 'c1' };
    },
  };
  assert.deepEqual(await hub.poll(source, 'c0', 5), { next: new TextEncoder().encode('c1'), more: false });
  assert.deepEqual(hub.records('a'), [{ now: 9, since: 'c0', maxRecords: 5, text: 'pong' }]);
  assert.equal(hub.requests[0].headers.get('if-none-match'), 'x');
  await assert.rejects(hub.poll(source), new Upstream('http://a.example/: refused'));
  await assert.rejects(hub.poll(source), /egress/);
});

test('a cursor may come back as it was handed in, and of another realm', async () => {
  const source = { poll: (_, { since }) => ({ next: since }) };
  for (const bytes of [Uint8Array.of(1, 2), runInNewContext('Uint8Array.of(1, 2)'), runInNewContext('Uint8Array.of(1, 2).buffer')]) {
    assert.deepEqual((await new Hub().poll(source, bytes)).next, Uint8Array.of(1, 2));
  }
  await assert.rejects(new Hub().poll({ poll: () => ({ next: 5 }) }), { tag: 'internal' });
});

test('statuses become the failures that the hub understands', () => {
  const tag = (status, headers) => {
    try {
      return ok(new Response(null, { status, headers })).status;
    } catch (error) {
      assert.ok(error instanceof Failure);
      return error instanceof RateLimited ? `${error.tag} ${error.seconds}` : error.tag;
    }
  };
  assert.deepEqual([200, 304, 401, 403, 404, 410, 500].map((status) => tag(status)), [200, 304, 'unauthorized', 'unauthorized', 'config', 'config', 'upstream']);
  assert.equal(tag(429, { 'retry-after': '30' }), 'rate-limited 30');
  assert.equal(tag(429, { 'retry-after': 'Tue, 24 Nov 2026 00:00:00 GMT' }), 'rate-limited undefined');
});

test('a transform folds groups, a sink answers for each record', async () => {
  const transform = {
    apply: (now, groups) => groups.map(({ key, state, records }) => ({
      key,
      outputs: [{ port: 'sums', records: [{ now, sum: records.reduce((sum, { n }) => sum + n, state ? state[0] : 0) }] }],
      rejects: [{ bytes: 'bad', reason: 'why' }],
      state: Uint8Array.of(1),
    })),
  };
  const [folded] = await new Hub({ now: 3 }).apply(transform, [{ key: 'k', state: Uint8Array.of(5), records: [{ n: 1 }, { n: 2 }] }]);
  assert.deepEqual(folded.outputs, [{ port: 'sums', records: [{ now: 3, sum: 8 }] }]);
  assert.deepEqual(folded.rejects, [{ bytes: new TextEncoder().encode('bad'), reason: 'why', at: undefined }]);
  await assert.rejects(new Hub().apply({ apply: () => undefined }, []), { tag: 'internal' });

  const sink = { deliver: (_, { channel, items }, key) => items.map(({ id, record }) => [delivered(), retry(id), refused(`${channel} ${key}`)][record.n]) };
  const statuses = await new Hub().deliver(sink, 'c/d', [{ n: 0 }, { n: 1 }, { n: 2 }], 'k');
  assert.deepEqual(statuses, [{ tag: 'delivered' }, { tag: 'retry', val: 'c/d:1:1' }, { tag: 'refused', val: 'c/d k' }]);
});

test('a module that does not have what plugin.toml says is told so', () => {
  assert.throws(() => implementation({ source: {} }, 'receiver', 'receive'), /exports no `receiver` with a function `receive`/);
});
