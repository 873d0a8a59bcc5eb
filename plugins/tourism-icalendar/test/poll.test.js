import assert from 'node:assert/strict';
import test from 'node:test';
import { Hub } from '@lienthong/sdk/testing';
import { source } from '../src/plugin.js';
import { NOW, calendar, checked } from './shared.js';

const URL = 'http://calendar.example/events.ics';
const DAY = 86_400_000;
const text = calendar('UID:d\nSUMMARY:Mỗi ngày\nDTSTART;VALUE=DATE:20261101\nRRULE:FREQ=DAILY');
const answer = (etag, body = text) => new Response(body, { headers: { etag } });

async function poll(now, since, ...answers) {
  const hub = new Hub({ settings: { url: URL, past_days: 1, future_days: 10 }, now, answers });
  const progress = await hub.poll(source, since);
  return { ...checked(hub), next: progress.next, more: progress.more, asked: hub.requests[0] };
}

test('what did not change is not read again, until the window has moved', async () => {
  const first = await poll(NOW, undefined, answer('"1"'));
  assert.equal(first.records.length, 12);
  assert.equal(first.asked.headers.get('if-none-match'), null);

  const second = await poll(NOW + DAY, first.next, new Response(null, { status: 304 }));
  assert.deepEqual([second.records.length, second.asked.headers.get('if-none-match')], [0, '"1"']);
  assert.equal(second.next, undefined);

  // A week on the calendar is asked for whole; being the same, only what is new in the window is told.
  const third = await poll(NOW + 7 * DAY, first.next, answer('"1"'));
  assert.equal(third.asked.headers.get('if-none-match'), null);
  assert.deepEqual([third.records[0].starts_on, third.records.length], ['2026-12-05', 7]);

  const changed = await poll(NOW + 8 * DAY, third.next, answer('"2"'));
  assert.equal(changed.records.length, 12);
});

test('what the server says becomes the failure that the hub understands', async () => {
  const failure = (status, headers) => poll(NOW, undefined, new Response('', { status, headers }));
  await assert.rejects(failure(401), { tag: 'unauthorized' });
  await assert.rejects(failure(404), { tag: 'config' });
  await assert.rejects(failure(429, { 'retry-after': '30' }), { tag: 'rate-limited', seconds: 30 });
  await assert.rejects(failure(503), { tag: 'upstream' });
  await assert.rejects(poll(NOW, undefined), { tag: 'upstream', message: /calendar.example/ });
  await assert.rejects(poll(NOW, undefined, answer('"1"', '<html>')), { tag: 'invalid-input' });
  await assert.rejects(new Hub().poll(source), { tag: 'config', message: /`url` is missing/ });
});
