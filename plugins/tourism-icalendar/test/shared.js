// What the tests here share: a hub in memory whose channels have the real schema, and texts of calendars.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Hub } from '@lienthong/sdk/testing';
import Ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { receiver } from '../src/plugin.js';

const schema = JSON.parse(readFileSync(new URL('../../../schemas/tourism/events.v1.json', import.meta.url)));
const ajv = new Ajv({ strict: false });
formats(ajv);
const validate = ajv.compile(schema);

/** 24 November 2026, noon in Đà Lạt. */
export const NOW = Date.parse('2026-11-24T05:00:00Z');

/** Hands a calendar to the plugin; every record must fit its schema. */
export async function read(body, options = {}) {
  const hub = new Hub({ name: 'events.ics', now: NOW, ...options });
  await hub.receive(receiver, body);
  return checked(hub);
}

/** The records and rejections of a hub, held against the schema. */
export function checked(hub) {
  const records = hub.records('events');
  for (const record of records) assert.ok(validate(record), `${ajv.errorsText(validate.errors)}: ${JSON.stringify(record)}`);
  const rejects = hub.rejects.map(({ bytes, reason, at }) => ({ at, reason, text: new TextDecoder().decode(bytes) }));
  return { records, rejects };
}

/** A calendar of events, each given by its lines. */
export function calendar(...events) {
  const lines = events.map((event) => ['BEGIN:VEVENT', ...event.trim().split('\n').map((line) => line.trim()), 'END:VEVENT'].join('\r\n'));
  return ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//test//', ...lines, 'END:VCALENDAR', ''].join('\r\n');
}
