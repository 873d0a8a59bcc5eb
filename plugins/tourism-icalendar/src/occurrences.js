// When an event happens within a window: its rule and dates, less the excluded ones, with the overrides in their places
// (RFC 5545, 3.8.5).
import { Fault } from './event.js';

/** Steps of all rules of an event up to the end of the window: 27 years of every day. */
const STEPS = 10_000;
/** Occurrences of one event within the window. */
const OCCURRENCES = 1_000;

/**
 * The occurrences of an event that touch the window `{ from, to }` (seconds since 1970): `{ item, original, start, end, excluded }`. `item`
 * is the event or the override that says what happens; `original` is when it would have happened, none for an event that does not
 * recur; an excluded one is told as well, for who has it already must learn of it.
 */
export function occurrences(event, overrides, window) {
  const recurs = event.isRecurring() || overrides.length > 0;
  if (!recurs) return within(event.startDate, event.endDate, window) ? [{ item: event, start: event.startDate, end: event.endDate }] : [];
  const exceptions = new Map();
  for (const override of overrides) {
    event.relateException(override);
    exceptions.set(override.recurrenceId.toUnixTime(), override);
  }

  const found = new Map();
  const add = (original, excluded) => {
    const at = original.toUnixTime();
    if (!found.has(at) && found.size >= OCCURRENCES) throw new Fault(`it happens more than ${OCCURRENCES} times between the first and the last day that are read`);
    if (excluded || !found.has(at)) found.set(at, { original, excluded });
  };
  // Where a single override takes an occurrence elsewhere, it is the original place that brings it here, too.
  const lasts = event.endDate.toUnixTime() - event.startDate.toUnixTime();
  const touches = (time) => time.toUnixTime() <= window.to && (time.toUnixTime() + lasts > window.from || time.toUnixTime() >= window.from);
  for (const original of originals(event, window.to)) if (touches(original)) add(original, false);
  for (const override of overrides) if (within(override.startDate, override.endDate, window)) add(override.recurrenceId, false);
  for (const excluded of exclusions(event, found)) if (touches(excluded)) add(excluded, true);

  return [...found.values()]
    .map(({ original, excluded }) => {
      const own = exceptions.get(original.toUnixTime());
      if (own) return { item: own, original, start: own.startDate, end: own.endDate, excluded };
      const { item, startDate, endDate } = event.getOccurrenceDetails(original);
      return { item, original, start: startDate, end: endDate, excluded };
    })
    .sort((a, b) => a.original.toUnixTime() - b.original.toUnixTime());
}

/** An override whose event is not in the calendar. */
export function orphan(override, window) {
  const touches = within(override.startDate, override.endDate, window) || within(override.recurrenceId, override.recurrenceId, window);
  return touches ? [{ item: override, original: override.recurrenceId, start: override.startDate, end: override.endDate }] : [];
}

/** DTSTART, RDATE and what RRULE gives, up to the end of the window. */
function* originals(event, to) {
  yield event.startDate.clone();
  for (const value of event.component.getAllProperties('rdate').flatMap((property) => property.getValues())) yield value.start ?? value;
  let steps = 0;
  for (const property of event.component.getAllProperties('rrule')) {
    const iterator = property.getFirstValue().iterator(event.startDate);
    for (let next; (next = iterator.next()) && next.toUnixTime() <= to; ) {
      if (++steps > STEPS) throw new Fault(`its RRULE takes more than ${STEPS} steps to the last day that is read: begin it later, or repeat less often`);
      yield next.clone();
    }
  }
}

/** EXDATE; one that is a day excludes what begins on it. */
function* exclusions(event, found) {
  for (const excluded of event.component.getAllProperties('exdate').flatMap((property) => property.getValues())) {
    if (!excluded.isDate || event.startDate.isDate) yield excluded;
    else {
      for (const { original } of [...found.values()]) {
        if (original.year === excluded.year && original.month === excluded.month && original.day === excluded.day) yield original;
      }
    }
  }
}

/** What ends when the window begins is over; what lasts for no time is there at its moment. */
function within(start, end, { from, to }) {
  const [begins, ends] = [start.toUnixTime(), end.toUnixTime()];
  return begins <= to && (ends > from || begins >= from);
}
