// Time zones: those that the calendar defines, and the IANA ones that it only names.
import ICAL from 'ical.js';
import { tzlib_get_ical_block as ianaBlock, tzlib_get_timezones as ianaNames } from 'timezones-ical-library';
import { parse } from './parse.js';

let names;

/** Time zones by name, for the events of one calendar. */
export class Zones {
  #known = new Map();

  /** With the VTIMEZONEs of a calendar; one that cannot be read is as if it were not there. */
  constructor(blocks = []) {
    for (const { text, fault } of blocks) {
      if (fault !== undefined) continue;
      try {
        const zone = new ICAL.Timezone(parse(text, 'vtimezone'));
        if (zone.tzid) this.#known.set(zone.tzid, zone);
      } catch {
        // An event that names it will say that the zone is not known.
      }
    }
  }

  /** A zone; undefined where nobody knows it. */
  get(name) {
    if (!this.#known.has(name)) this.#known.set(name, iana(name));
    return this.#known.get(name);
  }
}

function iana(name) {
  names ??= new Set(ianaNames());
  // Some programs write a path before the name: /freeassociation.sourceforge.net/Europe/Berlin.
  const known = names.has(name) ? name : [...name.matchAll(/\//g)].map(({ index }) => name.slice(index + 1)).find((tail) => names.has(tail));
  if (known === undefined) return undefined;
  if (known === 'UTC' || known === 'Etc/UTC') return ICAL.Timezone.utcTimezone;
  return new ICAL.Timezone(parse(ianaBlock(known)[0], 'vtimezone'));
}
