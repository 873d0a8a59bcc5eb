/** A JSON object. */
export type Json = { [key: string]: unknown };

/** Why a call failed as a whole, to throw. Nothing that the call emitted counts then. What is thrown and is none of these becomes an
 * `Internal` with its stack. */
export class Failure extends Error {
  /** The case of the contract's `failure`. */
  readonly tag: 'invalid-input' | 'unauthorized' | 'rate-limited' | 'upstream' | 'config' | 'internal';
}
/** The message cannot be read at all; sending it again will not help. */
export class InvalidInput extends Failure {
  constructor(message: string);
}
/** The agency system did not accept the credentials. */
export class Unauthorized extends Failure {
  constructor(message: string);
}
/** The agency system asks for patience, for so many seconds if it said so. */
export class RateLimited extends Failure {
  constructor(seconds?: number);
  readonly seconds: number | undefined;
}
/** The agency system failed or did not answer; trying again later may help. */
export class Upstream extends Failure {
  constructor(message: string);
}
/** The connector's settings are wrong; a person must mend them. */
export class Config extends Failure {
  constructor(message: string);
}
/** The plugin itself is at fault. */
export class Internal extends Failure {
  constructor(message: string);
}
/** The hub takes no more from this call. Let it pass: what was refused is lost, so the call fails either way. */
export class Stopped extends Failure {
  readonly kind: 'unknown-port' | 'limit' | 'cancelled';
}

/** A line of a body, without LF or CRLF. */
export class Line {
  /** From 1. */
  readonly number: number;
  /** Where it begins in the body. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** These bytes are the beginning of a longer line. */
  readonly tooLong: boolean;
  /** The line as text; undefined where its bytes are not UTF-8. */
  get text(): string | undefined;
}

/** A message's bytes, which the hub holds and which may be larger than the sandbox. */
export class Body {
  /** Around `size` bytes that `readAt(offset, max)` gives; it may give fewer than it could, and none at the end. */
  constructor(size: number, readAt: (offset: number, max: number) => Uint8Array);
  /** A body of these bytes, or of this text in UTF-8. */
  static of(bytes: Uint8Array | string): Body;
  /** Its length in bytes. */
  readonly size: number;
  /** Up to `max` bytes from `offset`; empty at the end. */
  read(offset: number, max: number): Uint8Array;
  /** All of it in pieces, in order. */
  pieces(maxBytes?: number): Generator<Uint8Array>;
  /** The whole of it, if it has at most `maxBytes` (8 MiB unless you say otherwise); else `InvalidInput`. */
  bytes(maxBytes?: number): Uint8Array;
  /** The whole of it as text, if it has at most `maxBytes` and is UTF-8; else `InvalidInput`. */
  text(maxBytes?: number): string;
  /** Its lines, one at a time whatever the size of the whole. A line of more than `maxBytes` (1 MiB unless you say otherwise) comes
   * with its beginning and `tooLong`. */
  lines(maxBytes?: number): Generator<Line>;
}

/** Bytes as text; undefined where they are not UTF-8. */
export function utf8(bytes: Uint8Array): string | undefined;

/** Settings, log and HTTP: what every plugin but a transform has. */
export class Context {
  /** The connector's settings. The hub has checked them against the schema in plugin.toml. */
  get settings(): Json;
  /** Tells the operator. Nothing personal belongs here. */
  log(level: 'error' | 'warn' | 'info' | 'debug', message: string): void;
  /** `fetch`, where plugin.toml asks for HTTP and the operator lists the host. What does not get through is an `Upstream`. */
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

/** An answer whose status is good, or 304; every other one as the failure that the hub understands. */
export function ok(response: Response): Response;

/** Why a channel's schema refused a record. */
export interface Refusal {
  /** JSON pointer to the value at fault. */
  pointer: string;
  /** The schema keyword that it broke. */
  keyword: string;
  message: string;
}

/** What became of emitted records. Refused ones are in quarantine already; the call goes on. */
export interface Verdict {
  accepted: number;
  refused: number;
  /** The first refusals, at most 16. */
  first: Refusal[];
}

/** A file on its way into the hub. One that is dropped unfinished is forgotten. */
export interface Attachment {
  write(bytes: Uint8Array): void;
  /** Ends it, and tells what a record has to say of it. */
  finish(): { sha256: string; size: number };
}

/** One call of a source or receiver. Records are collected and cross the boundary in chunks; what is left is flushed when the call
 * returns well. */
export class Call extends Context {
  /** Emits one record: a plain object. */
  emit(port: string, record: object): void;
  /** Puts one bad item into the quarantine of the port's channel, whole; the rest goes on. `at` says where, for example `line 7`. */
  reject(port: string, bytes: Uint8Array | string, reason: string, at?: string): void;
  /** Begins a file that belongs to records of the port's channel. */
  attach(port: string): Attachment;
  /** Sends what was collected. */
  flush(): void;
  /** What became of the records that were flushed since the verdict was last taken. */
  get verdict(): Verdict;
  /** The verdict, and begins a new one. */
  takeVerdict(): Verdict;
  /** How many items this call rejected so far. */
  get rejected(): number;
}

/** One message as it came. */
export interface Message {
  body: Body;
  /** The file's name, where there was one. */
  name?: string;
  /** The media type the sender declared. */
  contentType?: string;
  /** When the hub received it, milliseconds since 1970-01-01T00:00:00Z. */
  receivedAt: number;
}

/** Bytes for the sender, sent after everything the call emitted is durable. */
export interface Reply {
  contentType: string;
  body: Uint8Array | string;
}

type MaybeAsync<T> = T | Promise<T>;

/** A plugin that is sent messages: `export const receiver`. */
export interface Receiver {
  receive(call: Call, message: Message): MaybeAsync<Reply | undefined | void>;
}

/** What a source is asked for. */
export interface Poll {
  /** The time of the call, milliseconds since 1970-01-01T00:00:00Z. */
  now: number;
  /** Where the last call that counted came to; none at first. */
  since?: Uint8Array;
  /** About so many records are wanted. */
  maxRecords: number;
}

/** Where a poll came to. */
export interface Progress {
  /** Where the next call resumes, at most 64 KiB; none leaves the checkpoint as it is. */
  next?: Uint8Array | string;
  /** More is waiting: the hub calls again at once. */
  more?: boolean;
}

/** A plugin that fetches: `export const source`. */
export interface Source {
  poll(call: Call, poll: Poll): MaybeAsync<Progress | undefined | void>;
}

/** What happened under one key since the last call. */
export interface Keyed {
  key: string;
  /** What this key's last call gave back. */
  state?: Uint8Array;
  /** May be empty: the hub also calls on a schedule. */
  records: Json[];
}

/** What a transform made of one group. */
export interface Folded {
  key: string;
  outputs?: { port: string; records: object[] }[];
  rejects?: { bytes: Uint8Array | string; reason: string; at?: string }[];
  /** Kept by the hub, at most 64 KiB; none forgets the key. */
  state?: Uint8Array | string;
}

/** A pure function from records to records: `export const transform`, and no other interface beside it. */
export interface Transform {
  apply(now: number, groups: Keyed[]): MaybeAsync<Folded[]>;
}

/** Records for an agency system, each with its stable id. */
export interface Batch {
  channel: string;
  items: { id: string; record: Json }[];
}

/** What became of one record. */
export type Status = { tag: 'delivered' } | { tag: 'retry'; val: string } | { tag: 'refused'; val: string };
/** The system has it. */
export function delivered(): Status;
/** Try this one again later; why. */
export function retry(why: string): Status;
/** The system will never take it; why. */
export function refused(why: string): Status;

/** A plugin that delivers records to an agency system: `export const sink`. */
export interface Sink {
  /** One status a record. A repeat under the same key must not deliver twice. */
  deliver(context: Context, batch: Batch, idempotencyKey: string): MaybeAsync<Status[]>;
}
