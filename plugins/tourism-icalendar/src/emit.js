// One calendar becomes records; events that cannot be read are rejected, whole, and the rest goes on.
import { readCalendar } from './calendar.js';
import { Fault, readEvent } from './event.js';
import { occurrences, orphan } from './occurrences.js';
import { record } from './record.js';
import { Zones } from './zones.js';

const PORT = 'events';
const FLOATING = 'Asia/Ho_Chi_Minh';

/** `window` and `after` are in seconds since 1970; what begins up to `after` is left out. */
export function emitCalendar(call, body, { window, after, file }) {
  const { calendar: named, time_zone: floating = FLOATING } = call.settings;
  const calendar = readCalendar(body);
  const zones = new Zones(calendar.zones);
  const about = { calendar: named ?? calendar.name ?? file ?? 'calendar', cancels: calendar.method === 'CANCEL', file };
  const reject = (raw, reason) => call.reject(PORT, body.read(raw.begin, raw.end - raw.begin), reason, `line ${raw.line}`);

  for (const { master, overrides } of groups(calendar.events, zones, floating, reject)) {
    const whole = master ?? overrides[0];
    orReject(whole.raw, reject, () => {
      const own = overrides.map(({ event }) => event);
      const all = master ? occurrences(master.event, own, window) : own.flatMap((override) => orphan(override, window));
      const records = all.filter(({ start }) => after === undefined || start.toUnixTime() > after).map((one) => record(one, about));
      if (records.some(({ title }) => title === undefined)) throw new Fault('it has no SUMMARY');
      for (const one of records) call.emit(PORT, one);
    });
  }
}

/** Runs what concerns one event; what its text is to blame for rejects it. */
function orReject(raw, reject, run) {
  try {
    run();
  } catch (error) {
    // The library reads late, and throws plain errors for what it cannot read: a zone's rule, say. A defect of ours is a TypeError or
    // the like, and the hub's own word is a class of the SDK's.
    if (!(error instanceof Fault) && error.constructor !== Error) throw error;
    reject(raw, error.message);
  }
}

/** Events with their overrides, by UID, in the order of the calendar. */
function groups(events, zones, floating, reject) {
  const byUid = new Map();
  for (const raw of events) {
    orReject(raw, reject, () => {
      if (raw.fault !== undefined) throw new Fault(raw.fault);
      const event = readEvent(raw.text, zones, floating);
      const group = byUid.get(event.uid) ?? { master: undefined, overrides: [] };
      if (event.isRecurrenceException()) group.overrides.push({ raw, event });
      else if (group.master) throw new Fault(`another event has its UID, at line ${group.master.raw.line}`);
      else group.master = { raw, event };
      byUid.set(event.uid, group);
    });
  }
  return byUid.values();
}
