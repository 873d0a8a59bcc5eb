// What the bytes say: content lines, folded or not, and the components between BEGIN and END (RFC 5545, 3.1 and 3.4).
import { InvalidInput } from '@lienthong/sdk';

/** Events and time zones of one calendar, together. All of them are held, for an override may stand anywhere. */
const HELD_BYTES = 8 << 20;
/** One event or time zone. */
const COMPONENT_BYTES = 256 << 10;
const LINE_BYTES = 64 << 10;

/**
 * Reads a calendar: `{ name, method, zones, events }`. An event is `{ text, begin, end, line, fault }`: its unfolded text, its place
 * in the body, and what is wrong with its lines, if anything is.
 */
export function readCalendar(body) {
  const calendar = { name: undefined, method: undefined, zones: [], events: [] };
  let held = 0;
  let depth = 0;
  let seen = false;
  let open;
  for (const line of contentLines(body)) {
    const [, name, value] = /^([A-Za-z0-9-]+)[^:]*:(.*)$/s.exec(line.text ?? '') ?? [];
    const property = name?.toUpperCase();
    const component = property === 'BEGIN' || property === 'END' ? value.trim().toUpperCase() : undefined;
    if (!seen) {
      if (property !== 'BEGIN' || component !== 'VCALENDAR') throw new InvalidInput('this is no calendar: it does not begin with BEGIN:VCALENDAR');
      seen = true;
    }
    if (property === 'BEGIN') depth += 1;
    if (property === 'BEGIN' && depth === 2) {
      const list = component === 'VEVENT' ? calendar.events : component === 'VTIMEZONE' ? calendar.zones : undefined;
      open = { list, lines: [], size: 0, begin: line.begin, line: line.number, fault: undefined };
    }
    if (open) {
      open.end = line.end;
      open.size += line.end - line.begin;
      open.fault ??= line.fault ?? (name === undefined ? `line ${line.number} is no \`NAME:value\`` : undefined);
      if (open.size > COMPONENT_BYTES) open.fault ??= `it has more than ${COMPONENT_BYTES} bytes`;
      if (open.fault === undefined && open.list) open.lines.push(line.text);
    } else if (depth === 1) {
      if (property === 'X-WR-CALNAME') calendar.name = unescape(value).trim() || undefined;
      if (property === 'METHOD') calendar.method = value.trim().toUpperCase();
    }
    if (property === 'END') {
      if (depth === 2 && open) {
        close(open);
        open = undefined;
      }
      // What follows the calendar's end is another one, of the same kind.
      depth = Math.max(0, depth - 1);
    }
  }
  if (!seen) throw new InvalidInput('this is no calendar: it is empty');
  if (open) {
    open.fault ??= 'it has no end: the file breaks off';
    close(open);
  }
  return calendar;

  function close({ list, lines, begin, end, line, fault, size }) {
    if (!list) return;
    held += fault === undefined ? size : 0;
    if (held > HELD_BYTES) throw new InvalidInput(`the calendar has more than ${HELD_BYTES} bytes of events: send it in parts`);
    list.push({ text: lines.join('\r\n'), begin, end, line, fault });
  }
}

/** Lines with what was folded put together again (3.1): `{ text, number, begin, end, fault }`. */
function* contentLines(body) {
  let whole;
  for (const line of body.lines(LINE_BYTES)) {
    const fault = line.tooLong ? `line ${line.number} has more than ${LINE_BYTES} bytes` : line.text === undefined ? `line ${line.number} is not UTF-8` : undefined;
    const text = line.text ?? '';
    const end = line.offset + line.bytes.length;
    if (whole && (text.startsWith(' ') || text.startsWith('\t'))) {
      whole.end = end;
      whole.fault ??= fault ?? (whole.text.length > LINE_BYTES ? `line ${whole.number} and what is folded into it have more than ${LINE_BYTES} characters` : undefined);
      if (whole.fault === undefined) whole.text += text.slice(1);
      continue;
    }
    if (whole) yield whole;
    // Blank lines are no content; some programs leave them.
    whole = text.trim() === '' && !fault ? undefined : { text, number: line.number, begin: line.offset, end, fault };
  }
  if (whole) yield whole;
}

/** The escapes of TEXT (3.3.11). */
function unescape(text) {
  return text.replace(/\\([\\;,nN])/g, (_, c) => (c === 'n' || c === 'N' ? '\n' : c));
}
