// Calendars of events, sent as files or posts, or fetched from where they are published.
import { Body, Config, Upstream, ok } from '@lienthong/sdk';
import { emitCalendar } from './emit.js';

const DAY_MS = 86_400_000;
/** What enters the window is asked for again so often, though the calendar did not change. */
const AGAIN_MS = 7 * DAY_MS;
const DOWNLOAD_BYTES = 8 << 20;

export const receiver = {
  receive(call, message) {
    emitCalendar(call, message.body, { window: windowAt(message.receivedAt, call.settings), file: message.name });
  },
};

export const source = {
  /** The cursor: the validators of the last answer, and how far its events were read. */
  async poll(call, { now, since }) {
    const { url } = call.settings;
    if (url === undefined) throw new Config('`url` is missing: say where the calendar is published');
    const kept = since === undefined ? {} : JSON.parse(new TextDecoder().decode(since));
    const window = windowAt(now, call.settings);
    const grown = kept.to === undefined || window.to * 1000 - kept.to >= AGAIN_MS;
    const headers = { accept: 'text/calendar' };
    if (!grown && kept.etag) headers['if-none-match'] = kept.etag;
    else if (!grown && kept.modified) headers['if-modified-since'] = kept.modified;

    const response = ok(await call.fetch(url, { headers }));
    // No cursor leaves the one before.
    if (response.status === 304) return {};
    const etag = response.headers.get('etag') ?? undefined;
    const unchanged = grown && etag !== undefined && etag === kept.etag;
    const body = Body.of(await download(response));
    // Of a calendar that did not change, only what the window did not hold before is news.
    emitCalendar(call, body, { window, after: unchanged ? kept.to / 1000 : undefined });
    const next = { etag, modified: response.headers.get('last-modified') ?? undefined, to: window.to * 1000 };
    return { next: JSON.stringify(next) };
  },
};

/** Seconds since 1970. */
function windowAt(nowMs, { past_days: past = 30, future_days: future = 365 }) {
  return { from: Math.floor((nowMs - past * DAY_MS) / 1000), to: Math.floor((nowMs + future * DAY_MS) / 1000) };
}

async function download(response) {
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length > DOWNLOAD_BYTES) throw new Upstream(`the calendar has ${bytes.length} bytes and may have ${DOWNLOAD_BYTES}`);
  return bytes;
}
