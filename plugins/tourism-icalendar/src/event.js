// What one VEVENT means: a calendar's event or the override of one of its occurrences, with every time a moment or a day.
import ICAL from 'ical.js';
import { parse } from './parse.js';

/** Why an event cannot be read; it is rejected with this reason. */
export class Fault extends Error {}

/** Runs what the library does with the calendar's text: it throws whatever it likes, and the text is at fault. */
function understood(run, name) {
  try {
    return run();
  } catch (error) {
    throw new Fault(`${name === undefined ? 'it' : name.toUpperCase()} cannot be read: ${error.message}`);
  }
}

const TIMES = ['dtstart', 'dtend', 'recurrence-id', 'exdate', 'rdate'];

/** Reads an event's text. Times without a zone are those of `floating`, the name of a zone. */
export function readEvent(text, zones, floating) {
  const component = understood(() => parse(text, 'vevent'));
  for (const name of TIMES) for (const property of component.getAllProperties(name)) settle(property, zones, floating);
  // Values are read when they are first asked for: here, so that a bad one is found before anything is made of the others.
  for (const property of component.getAllProperties()) understood(() => property.getValues(), property.name);
  const event = new ICAL.Event(component, { exceptions: [] });
  if (typeof event.uid !== 'string' || event.uid.trim() === '') throw new Fault('it has no UID');
  if (!(event.startDate instanceof ICAL.Time)) throw new Fault('it has no DTSTART');
  const duration = component.getFirstPropertyValue('duration');
  if (duration !== null && !(duration instanceof ICAL.Duration)) throw new Fault('its DURATION cannot be read');
  const end = component.getFirstPropertyValue('dtend');
  if (end && end.isDate !== event.startDate.isDate) throw new Fault('DTSTART and DTEND must both be days or both be moments');
  if (event.endDate.compare(event.startDate) < 0) throw new Fault('it ends before it begins');
  for (const rule of component.getAllProperties('rrule')) {
    if (!(rule.getFirstValue() instanceof ICAL.Recur)) throw new Fault('its RRULE cannot be read');
  }
  return event;
}

/** Checks every time of a property, for the parser takes the 41st of a month as well, and gives it its zone. */
function settle(property, zones, floating) {
  const name = property.name.toUpperCase();
  const tzid = property.getFirstParameter('tzid');
  for (const text of [property.jCal.slice(3)].flat(2)) {
    if (typeof text === 'string' && !isTime(text)) throw new Fault(`${name} says ${text.slice(0, 40)}, which is no day and no moment`);
  }
  for (const value of understood(() => property.getValues(), name)) {
    for (const time of value instanceof ICAL.Period ? [value.start, value.end] : [value]) {
      if (time === undefined || time === null) continue;
      if (!(time instanceof ICAL.Time)) throw new Fault(`${name} is no day and no moment`);
      if (time.isDate || time.zone === ICAL.Timezone.utcTimezone) continue;
      const zone = zones.get(tzid ?? floating);
      if (!zone) throw new Fault(`the time zone ${tzid ?? floating} is neither defined in the calendar nor an IANA zone`);
      time.zone = zone;
    }
  }
}

function isTime(text) {
  if (text.includes('/')) return text.split('/').every((part) => isTime(part) || /^-?P/.test(part));
  const [, year, month, day, hour = '0', minute = '0', second = '0'] =
    /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})Z?)?$/.exec(text) ?? [];
  if (year === undefined) return false;
  const last = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  return Number(year) > 0 && month >= '01' && month <= '12' && day >= '01' && Number(day) <= last && hour <= '23' && minute <= '59' && second <= '60';
}
