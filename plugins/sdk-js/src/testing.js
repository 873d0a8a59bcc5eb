// The hub's side in memory, so that a connector is tested by plain `node --test`. It takes everything but what a test lets it
// refuse, and checks no schema.
import { createHash } from 'node:crypto';
import { Body } from './body.js';
import { Call, Context } from './call.js';
import { Stopped } from './failure.js';
import { apply, deliver, poll, receive } from './run.js';

const decode = (bytes) => new TextDecoder().decode(bytes);

export class Hub {
  #settings;
  #name;
  #contentType;
  #now;
  #refuse;
  #maxEmits;
  #answers;
  #emitted = [];
  #attachments = new Map();

  /** What was rejected: `{ port, bytes, reason, at }`. */
  rejects = [];
  /** What was logged: `{ level, message }`. */
  logs = [];
  /** What was fetched, as `Request`. */
  requests = [];

  /**
   * All of it is optional. Messages come under `name` and `contentType`, at `now` in milliseconds since 1970. `answers` are what
   * requests get in turn, each a `Response` or an `Error`; one beyond them is denied. `refuse(port, record)` plays the channels'
   * schemas: it returns a refusal or nothing. `maxEmits` stops the call, as a limit does.
   */
  constructor({ settings = {}, name, contentType, now = 0, answers = [], refuse = () => undefined, maxEmits = Infinity } = {}) {
    this.#settings = JSON.stringify(settings);
    this.#name = name;
    this.#contentType = contentType;
    this.#now = now;
    this.#answers = [...answers];
    this.#refuse = refuse;
    this.#maxEmits = maxEmits;
  }

  /** Hands over one message, of bytes, a text or a `Body`; the reply, if there is one. */
  receive(receiver, body) {
    const message = { body: body instanceof Body ? body : Body.of(body), name: this.#name, contentType: this.#contentType, receivedAt: this.#now };
    return receive(receiver, this.#call(), message);
  }

  /** Polls once. */
  poll(source, since, maxRecords = 10_000) {
    return poll(source, this.#call(), { now: this.#now, since: typeof since === 'string' ? new TextEncoder().encode(since) : since, maxRecords });
  }

  /** Groups of `{ key, state, records }`, whose records are objects; what the transform made of each. */
  async apply(transform, groups) {
    const folded = await apply(
      transform,
      this.#now,
      groups.map(({ key, state, records = [] }) => ({ key, state, records: new TextEncoder().encode(records.map((r) => JSON.stringify(r)).join('\n')) })),
    );
    return folded.map((one) => ({ ...one, outputs: one.outputs.map(({ port, records }) => ({ port, records: lines(records) })) }));
  }

  /** Delivers records, each under an id of its place; the statuses. */
  deliver(sink, channel, records, idempotencyKey = 'key') {
    const batch = { channel, ids: records.map((_, index) => `${channel}:1:${index}`), records: new TextEncoder().encode(records.map((r) => JSON.stringify(r)).join('\n')) };
    return deliver(sink, new Context(this.#environment()), batch, idempotencyKey);
  }

  /** The records of a port, in order. */
  records(port) {
    return this.#emitted.filter((one) => one.port === port).flatMap((one) => lines(one.records));
  }

  /** The sizes of all emits, in bytes. */
  get emitSizes() {
    return this.#emitted.map((one) => one.records.length);
  }

  /** The bytes of a port's finished attachment. */
  attachment(port, sha256) {
    return this.#attachments.get(`${port} ${sha256}`);
  }

  #call() {
    return new Call(this.#environment(), {
      emit: (port, records) => this.#emit(port, records),
      reject: (port, bytes, reason, at) => void this.rejects.push({ port, bytes: bytes.slice(), reason, at }),
      attach: (port) => this.#attach(port),
    });
  }

  #environment() {
    return {
      settings: () => this.#settings,
      log: (level, message) => void this.logs.push({ level, message }),
      fetch: (url, init) => {
        this.requests.push(new Request(url, init));
        const answer = this.#answers.shift() ?? new TypeError('the connector\'s `egress:` does not list it');
        if (answer instanceof Error) throw answer;
        return answer;
      },
    };
  }

  #emit(port, records) {
    if (this.#emitted.length >= this.#maxEmits) throw new Stopped('limit', 'the call emitted all it may');
    this.#emitted.push({ port, records });
    const verdict = { accepted: 0, refused: 0, first: [] };
    lines(records).forEach((record, index) => {
      const refusal = this.#refuse(port, record);
      if (refusal === undefined) verdict.accepted += 1;
      else {
        verdict.refused += 1;
        if (verdict.first.length < 16) verdict.first.push({ index, ...refusal });
      }
    });
    return verdict;
  }

  #attach(port) {
    const pieces = [];
    return {
      write: (bytes) => void pieces.push(Buffer.from(bytes)),
      finish: () => {
        const bytes = Buffer.concat(pieces);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        this.#attachments.set(`${port} ${sha256}`, bytes);
        return { sha256, size: bytes.length };
      },
    };
  }
}

function lines(records) {
  return decode(records).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
}
