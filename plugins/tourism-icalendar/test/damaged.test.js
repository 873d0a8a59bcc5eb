import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Body, Failure } from '@lienthong/sdk';
import { calendar, read } from './shared.js';

const sound = readFileSync(new URL('../fixtures/le-hoi.ics', import.meta.url));

/** Numbers that are the same each time (mulberry32). */
function chance(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Every record fits its schema, and what goes wrong is a failure with a name: anything else fails the test. */
async function survives(bytes) {
  try {
    await read(bytes);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

test('a damaged calendar ends in records and rejections', async () => {
  for (let seed = 0; seed < 400; seed += 1) {
    const below = chance(seed);
    const bytes = Uint8Array.from(sound);
    for (let nth = 0; nth <= below(6); nth += 1) bytes[below(bytes.length)] = below(256);
    await survives(below(4) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes);
  }
});

test('lines in any order, left out and doubled', async () => {
  const lines = sound.toString().split(/\r?\n/);
  for (let seed = 0; seed < 300; seed += 1) {
    const below = chance(seed);
    const mixed = lines.flatMap((line) => (below(12) === 0 ? [] : below(12) === 0 ? [line, lines[below(lines.length)]] : [line]));
    await survives(mixed.join('\r\n'));
  }
});

test('any bytes at all', async () => {
  for (let seed = 0; seed < 300; seed += 1) {
    const below = chance(seed);
    const bytes = Uint8Array.from({ length: below(400) }, () => below(256));
    await survives(bytes);
    await survives(Buffer.concat([Buffer.from('BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n'), bytes]));
  }
});

test('what is no calendar fails as a whole', async () => {
  for (const text of ['', '\r\n', 'xin chào', '<html>', 'PK\u0003\u0004']) {
    await assert.rejects(read(text), { tag: 'invalid-input', message: /this is no calendar/ });
  }
});

test('one bad event is rejected as it came, with its line, and the rest goes on', async () => {
  const bad = (lines) => calendar('UID:1\nSUMMARY:x\nDTSTART:20261201T000000Z', lines, 'UID:2\nSUMMARY:y\nDTSTART:20261202T000000Z');
  for (const [lines, reason] of [
    ['SUMMARY:x\nDTSTART:20261201T000000Z', 'it has no UID'],
    ['UID:b\nSUMMARY:x', 'it has no DTSTART'],
    ['UID:b\nDTSTART:20261201T000000Z', 'it has no SUMMARY'],
    ['UID:b\nSUMMARY:x\nDTSTART:20261341T000000Z', 'DTSTART says 2026-13-41T00:00:00Z, which is no day and no moment'],
    ['UID:b\nSUMMARY:x\nDTSTART;VALUE=DATE:20260229', 'DTSTART says 2026-02-29, which is no day and no moment'],
    ['UID:b\nSUMMARY:x\nDTSTART:20261201T100000Z\nDTEND:20261201T090000Z', 'it ends before it begins'],
    ['UID:b\nSUMMARY:x\nDTSTART:20261201T100000Z\nDTEND;VALUE=DATE:20261202', 'DTSTART and DTEND must both be days or both be moments'],
    ['UID:1\nSUMMARY:x\nDTSTART:20261201T000000Z', "another event has its UID, at line 4"],
    ['UID:b\nno colon here\nDTSTART:20261201T000000Z', 'line 11 is no `NAME:value`'],
  ]) {
    const { records, rejects } = await read(bad(lines));
    assert.deepEqual(records.map(({ uid }) => uid), ['1', '2'], reason);
    assert.deepEqual(rejects.map((one) => [one.at, one.reason]), [['line 9', reason]]);
    assert.equal(rejects[0].text, ['BEGIN:VEVENT', ...lines.split('\n'), 'END:VEVENT'].join('\r\n'));
  }
});

test('what has no end is bounded', async () => {
  const long = calendar(`UID:l\nSUMMARY:${'a'.repeat(70_000)}\nDTSTART:20261201T000000Z`, 'UID:2\nSUMMARY:y\nDTSTART:20261202T000000Z');
  const { records, rejects } = await read(long);
  assert.deepEqual(records.map(({ uid }) => uid), ['2']);
  assert.equal(rejects[0].reason, 'line 6 has more than 65536 bytes');

  const nested = await read('BEGIN:VCALENDAR\n' + 'BEGIN:VEVENT\n'.repeat(10_000));
  assert.equal(nested.rejects.length, 1);

  // 20 MiB that are made as they are read.
  const event = new TextEncoder().encode(`BEGIN:VEVENT\r\nUID:u\r\nX-A:${'a'.repeat(1_000)}\r\nEND:VEVENT\r\n`);
  const head = new TextEncoder().encode('BEGIN:VCALENDAR\r\n');
  const endless = new Body(20 << 20, (offset, max) => (offset < head.length ? head.subarray(offset) : event.subarray((offset - head.length) % event.length).subarray(0, max)));
  await assert.rejects(read(endless), { tag: 'invalid-input', message: /more than 8388608 bytes of events/ });
});
