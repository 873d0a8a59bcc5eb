import type { Batch, Body, Folded, Json, Progress, Receiver, Refusal, Reply, Sink, Source, Status, Transform } from './index.js';

/** A hub in memory: settings in; records, rejections and log lines out. */
export class Hub {
  constructor(options?: {
    settings?: Json;
    /** Messages come under this file name. */
    name?: string;
    contentType?: string;
    /** Messages come, and polls happen, at this time: milliseconds since 1970-01-01T00:00:00Z. */
    now?: number;
    /** What requests get in turn; one beyond them is denied. */
    answers?: (Response | Error)[];
    /** Plays the channels' schemas. */
    refuse?: (port: string, record: Json) => Refusal | undefined;
    /** Stops the call after so many emits, as the hub does when a limit is reached. */
    maxEmits?: number;
  });
  readonly rejects: { port: string; bytes: Uint8Array; reason: string; at?: string }[];
  readonly logs: { level: string; message: string }[];
  readonly requests: Request[];
  receive(receiver: Receiver, body: Uint8Array | string | Body): Promise<Reply | undefined>;
  poll(source: Source, since?: Uint8Array | string, maxRecords?: number): Promise<Progress>;
  apply(transform: Transform, groups: { key: string; state?: Uint8Array; records?: Json[] }[]): Promise<Folded[]>;
  deliver(sink: Sink, channel: Batch['channel'], records: Json[], idempotencyKey?: string): Promise<Status[]>;
  /** The records of a port, in order. */
  records(port: string): Json[];
  get emitSizes(): number[];
  /** The bytes of a port's finished attachment. */
  attachment(port: string, sha256: string): Uint8Array | undefined;
}
