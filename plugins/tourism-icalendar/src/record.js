// From an occurrence to a record of `tourism/events`.

const STATUS = { CONFIRMED: 'confirmed', TENTATIVE: 'tentative', CANCELLED: 'cancelled' };

/** The record. `about` is what the calendar says of all of them: name, file, whether it cancels. */
export function record({ item, original, start, end, excluded }, about) {
  const { component } = item;
  const text = (name) => trimmed(component.getFirstPropertyValue(name));
  const last = lastDay(start, end);
  return compact({
    calendar: about.calendar,
    uid: item.uid,
    occurrence: original === undefined ? 'once' : original.isDate ? day(original) : moment(original),
    sequence: integer(component.getFirstPropertyValue('sequence')),
    title: text('summary'),
    description: text('description'),
    location: text('location'),
    ...place(component.getFirstPropertyValue('geo')),
    url: text('url'),
    categories: categories(component),
    organizer: organizer(component.getFirstProperty('organizer')),
    all_day: start.isDate,
    starts_on: day(start),
    ends_on: day(last),
    starts_at: start.isDate ? undefined : moment(start),
    ends_at: start.isDate ? undefined : moment(end),
    time_zone: start.isDate ? undefined : start.zone.tzid,
    status: excluded || about.cancels ? 'cancelled' : (STATUS[text('status')?.toUpperCase()] ?? 'confirmed'),
    changed_at: changed(component),
    source_file: about.file,
  });
}

/** Days end before DTEND; so does what ends at midnight. */
function lastDay(start, end) {
  const last = end.clone();
  const atMidnight = !end.isDate && end.hour === 0 && end.minute === 0 && end.second === 0;
  if (end.compare(start) > 0 && (end.isDate || atMidnight)) last.adjust(-1, 0, 0, 0);
  return last;
}

const two = (number) => String(number).padStart(2, '0');

function day(time) {
  return `${String(time.year).padStart(4, '0')}-${two(time.month)}-${two(time.day)}`;
}

/** RFC 3339 with the offset that the place has at that time. */
function moment(time) {
  const offset = time.utcOffset();
  const sign = offset < 0 ? '-' : '+';
  const minutes = Math.round(Math.abs(offset) / 60);
  return `${day(time)}T${two(time.hour)}:${two(time.minute)}:${two(time.second)}${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function changed(component) {
  const time = component.getFirstPropertyValue('last-modified') ?? component.getFirstPropertyValue('dtstamp');
  return time?.zone?.tzid === 'UTC' && !time.isDate ? moment(time) : undefined;
}

function place(geo) {
  if (!Array.isArray(geo) || geo.length !== 2 || !geo.every(Number.isFinite)) return {};
  return { latitude: geo[0], longitude: geo[1] };
}

function categories(component) {
  const all = component.getAllProperties('categories').flatMap((property) => property.getValues().map(trimmed)).filter(Boolean);
  return all.length > 0 ? [...new Set(all)] : undefined;
}

function organizer(property) {
  return property ? (trimmed(property.getFirstParameter('cn')) ?? trimmed(String(property.getFirstValue()).replace(/^mailto:/i, ''))) : undefined;
}

function integer(value) {
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function trimmed(value) {
  return typeof value === 'string' ? value.trim() || undefined : undefined;
}

function compact(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
