import assert from 'node:assert/strict';
import test from 'node:test';
import { calendar, read } from './shared.js';

const starts = ({ records }) => records.map((record) => record.starts_at ?? record.starts_on);

test('a rule without end is read up to the last day of the window, and from its first', async () => {
  const weekly = calendar('UID:w\nSUMMARY:Chợ phiên\nDTSTART;TZID=Asia/Ho_Chi_Minh:20200105T070000\nDTEND;TZID=Asia/Ho_Chi_Minh:20200105T110000\nRRULE:FREQ=WEEKLY;BYDAY=SU');
  const found = starts(await read(weekly, { settings: { past_days: 7, future_days: 14 } }));
  assert.deepEqual(found, ['2026-11-22T07:00:00+07:00', '2026-11-29T07:00:00+07:00', '2026-12-06T07:00:00+07:00']);
});

test('COUNT and UNTIL end a rule, and BYSETPOS finds the last weekday', async () => {
  const event = (rule) => calendar(`UID:r\nSUMMARY:x\nDTSTART;VALUE=DATE:20261127\nRRULE:${rule}`);
  assert.deepEqual(starts(await read(event('FREQ=DAILY;INTERVAL=2;COUNT=3'))), ['2026-11-27', '2026-11-29', '2026-12-01']);
  assert.deepEqual(starts(await read(event('FREQ=DAILY;UNTIL=20261129'))), ['2026-11-27', '2026-11-28', '2026-11-29']);
  const last = event('FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3');
  assert.deepEqual(starts(await read(last)), ['2026-11-27', '2026-11-30', '2026-12-31', '2027-01-29']);
});

test('dates that are added, excluded, moved and cancelled', async () => {
  const { records, rejects } = await read(calendar(
    'UID:m\nSUMMARY:Đêm nhạc\nDTSTART:20261201T120000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\nRDATE:20261210T120000Z\nEXDATE:20261202T120000Z',
    'UID:m\nSUMMARY:Đêm nhạc (dời)\nRECURRENCE-ID:20261203T120000Z\nDTSTART:20261220T120000Z\nDTEND:20261220T130000Z',
    'UID:m\nSUMMARY:Đêm nhạc\nRECURRENCE-ID:20261204T120000Z\nDTSTART:20261204T120000Z\nSTATUS:CANCELLED',
  ));
  assert.deepEqual(rejects, []);
  const told = records.map(({ occurrence, starts_at, status, title }) => [occurrence.slice(0, 10), starts_at.slice(0, 10), status, title]);
  assert.deepEqual(told, [
    ['2026-12-01', '2026-12-01', 'confirmed', 'Đêm nhạc'],
    ['2026-12-02', '2026-12-02', 'cancelled', 'Đêm nhạc'],
    ['2026-12-03', '2026-12-20', 'confirmed', 'Đêm nhạc (dời)'],
    ['2026-12-04', '2026-12-04', 'cancelled', 'Đêm nhạc'],
    ['2026-12-10', '2026-12-10', 'confirmed', 'Đêm nhạc'],
  ]);
});

test('an override of this and all that follow moves them all', async () => {
  const { records } = await read(calendar(
    'UID:f\nSUMMARY:Sáng\nDTSTART:20261201T010000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4',
    'UID:f\nSUMMARY:Chiều\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261203T010000Z\nDTSTART:20261203T080000Z\nDURATION:PT2H',
  ));
  const told = records.map(({ occurrence, starts_at, ends_at, title }) => [occurrence.slice(8, 13), starts_at.slice(8, 13), ends_at.slice(8, 13), title]);
  assert.deepEqual(told, [['01T01', '01T01', '01T02', 'Sáng'], ['02T01', '02T01', '02T02', 'Sáng'], ['03T01', '03T08', '03T10', 'Chiều'], ['04T01', '04T08', '04T10', 'Chiều']]);
});

test('hours stay what they are when summer time begins', async () => {
  const { records } = await read(calendar('UID:z\nSUMMARY:x\nDTSTART;TZID=Europe/Berlin:20270327T100000\nRRULE:FREQ=DAILY;COUNT=2'));
  assert.deepEqual(starts({ records }), ['2027-03-27T10:00:00+01:00', '2027-03-28T10:00:00+02:00']);
});

test("a zone of the calendar's own goes before one of the same name", async () => {
  const zone = 'BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0300\r\nTZOFFSETTO:+0300\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n';
  const text = calendar('UID:o\nSUMMARY:x\nDTSTART;TZID=Europe/Berlin:20261201T100000').replace('BEGIN:VEVENT', zone + 'BEGIN:VEVENT');
  assert.deepEqual(starts(await read(text)), ['2026-12-01T10:00:00+03:00']);
});

test('times without a zone are those of the setting, and unknown zones are refused by name', async () => {
  const floating = calendar('UID:l\nSUMMARY:x\nDTSTART:20261201T100000');
  assert.deepEqual(starts(await read(floating)), ['2026-12-01T10:00:00+07:00']);
  assert.deepEqual(starts(await read(floating, { settings: { time_zone: 'Asia/Tokyo' } })), ['2026-12-01T10:00:00+09:00']);
  const { rejects } = await read(calendar('UID:u\nSUMMARY:x\nDTSTART;TZID=Middle Earth:20261201T100000'));
  assert.equal(rejects[0].reason, 'the time zone Middle Earth is neither defined in the calendar nor an IANA zone');
});

test('days end before DTEND, and so does what ends at midnight', async () => {
  const { records } = await read(calendar(
    'UID:d\nSUMMARY:Festival\nDTSTART;VALUE=DATE:20261205\nDTEND;VALUE=DATE:20261213',
    'UID:e\nSUMMARY:Đêm\nDTSTART;TZID=Asia/Ho_Chi_Minh:20261205T200000\nDTEND;TZID=Asia/Ho_Chi_Minh:20261206T000000',
    'UID:s\nSUMMARY:Một ngày\nDTSTART;VALUE=DATE:20261205',
  ));
  assert.deepEqual(records.map(({ all_day, starts_on, ends_on }) => [all_day, starts_on, ends_on]), [
    [true, '2026-12-05', '2026-12-12'],
    [false, '2026-12-05', '2026-12-05'],
    [true, '2026-12-05', '2026-12-05'],
  ]);
});

test('a rule that would never come to its end is refused', async () => {
  const { records, rejects } = await read(calendar('UID:n\nSUMMARY:x\nDTSTART:19700101T000000Z\nRRULE:FREQ=SECONDLY', 'UID:k\nSUMMARY:x\nDTSTART:20261124T000000Z\nRRULE:FREQ=MINUTELY;COUNT=5000'));
  assert.deepEqual(records, []);
  assert.match(rejects[0].reason, /its RRULE takes more than 10000 steps/);
  assert.match(rejects[1].reason, /happens more than 1000 times/);
});

test('an override whose event is elsewhere, and a calendar that cancels', async () => {
  const { records } = await read(calendar('UID:a\nSUMMARY:x\nRECURRENCE-ID:20261203T010000Z\nDTSTART:20261203T020000Z').replace('VERSION', 'METHOD:CANCEL\r\nVERSION'));
  assert.deepEqual(records.map(({ occurrence, status }) => [occurrence, status]), [['2026-12-03T01:00:00+00:00', 'cancelled']]);
});
