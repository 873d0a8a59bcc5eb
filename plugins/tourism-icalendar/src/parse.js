import ICAL from 'ical.js';

/** A component from its text; throws where the text is none. */
export function parse(text, name) {
  const component = new ICAL.Component(ICAL.parse(`BEGIN:VCALENDAR\r\n${text}\r\nEND:VCALENDAR\r\n`)).getFirstSubcomponent(name);
  if (!component) throw new Error(`it is no ${name.toUpperCase()}`);
  return component;
}
