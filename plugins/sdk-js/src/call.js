// What a plugin has around it: settings, log, the way out, and where its records go.
import { Internal, Upstream, Unauthorized, RateLimited, Config } from './failure.js';

/** Settings, log and HTTP: what every plugin but a transform has. */
export class Context {
  #environment;
  #settings;

  /** Around an environment: the sandbox's, or a test's. */
  constructor(environment) {
    this.#environment = environment;
  }

  /** The connector's settings. The hub has checked them against the schema in plugin.toml. */
  get settings() {
    this.#settings ??= JSON.parse(this.#environment.settings());
    return this.#settings;
  }

  /** Tells the operator. Nothing personal belongs here. */
  log(level, message) {
    this.#environment.log(level, message);
  }

  /** `fetch`, where plugin.toml asks for HTTP and the operator lists the host. What does not get through is an `Upstream`. */
  async fetch(url, init) {
    try {
      return await this.#environment.fetch(url, init);
    } catch (error) {
      throw new Upstream(`${url}: ${error.message}`);
    }
  }
}

/** An answer whose status is good, or 304; every other one as the failure that the hub understands. */
export function ok(response) {
  const { status } = response;
  if ((status >= 200 && status < 300) || status === 304) return response;
  if (status === 401 || status === 403) throw new Unauthorized(`the server answered ${status}`);
  if (status === 404 || status === 410) throw new Config(`the server answered ${status}: check the address`);
  if (status === 429) {
    const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
    throw new RateLimited(Number.isInteger(seconds) && seconds >= 0 ? Math.min(seconds, 0xffffffff) : undefined);
  }
  throw new Upstream(`the server answered ${status}`);
}

/** Emits cross the boundary in pieces of about so many bytes. */
const CHUNK_BYTES = 256 << 10;
const MAX_FIRST = 16;
const encoder = new TextEncoder();

const nothing = () => ({ accepted: 0, refused: 0, first: [] });

/** One call of a source or receiver. Records are collected and cross the boundary in chunks; what is left is flushed when the call
 * returns well. */
export class Call extends Context {
  #output;
  #pending = new Map();
  #verdict = nothing();
  #rejected = 0;

  /** Around an environment, with `output` to take what it emits. */
  constructor(environment, output) {
    super(environment);
    this.#output = output;
  }

  /** Emits one record: a plain object. */
  emit(port, record) {
    const text = record !== null && typeof record === 'object' && !Array.isArray(record) ? JSON.stringify(record) : undefined;
    if (text === undefined) throw new Internal('a record must be a plain object');
    const line = encoder.encode(text + '\n');
    let waiting = this.#pending.get(port);
    if (!waiting) this.#pending.set(port, (waiting = { lines: [], size: 0 }));
    waiting.lines.push(line);
    waiting.size += line.length;
    if (waiting.size >= CHUNK_BYTES) this.#flush(port, waiting);
  }

  /** Puts one bad item into the quarantine of the port's channel, whole; the rest goes on. `at` says where, for example `line 7`. */
  reject(port, bytes, reason, at) {
    this.#rejected += 1;
    this.#output.reject(port, typeof bytes === 'string' ? encoder.encode(bytes) : bytes, reason, at);
  }

  /** Begins a file that belongs to records of the port's channel. `write` takes its bytes, `finish` gives `{ sha256, size }` for the
   * record to name. */
  attach(port) {
    return this.#output.attach(port);
  }

  /** Sends what was collected. */
  flush() {
    for (const [port, waiting] of this.#pending) if (waiting.size > 0) this.#flush(port, waiting);
  }

  /** What became of the records that were flushed since the verdict was last taken. */
  get verdict() {
    return this.#verdict;
  }

  /** The verdict, and begins a new one. */
  takeVerdict() {
    const taken = this.#verdict;
    this.#verdict = nothing();
    return taken;
  }

  /** How many items this call rejected so far. */
  get rejected() {
    return this.#rejected;
  }

  #flush(port, waiting) {
    const records = new Uint8Array(waiting.size);
    let at = 0;
    for (const line of waiting.lines) {
      records.set(line, at);
      at += line.length;
    }
    waiting.lines = [];
    waiting.size = 0;
    const { accepted, refused, first } = this.#output.emit(port, records);
    this.#verdict.accepted += accepted;
    this.#verdict.refused += refused;
    this.#verdict.first.push(...first.slice(0, MAX_FIRST - this.#verdict.first.length));
  }
}
