// A message's bytes, which the hub holds and which may be larger than the sandbox.
import { InvalidInput } from './failure.js';

/** Crossing the boundary costs a copy: pieces of this size share the cost. */
const PIECE_BYTES = 128 << 10;
const LINE_BYTES = 1 << 20;
const WHOLE_BYTES = 8 << 20;
const LF = 10;
const CR = 13;

/** A line of a body. */
export class Line {
  constructor(number, offset, bytes, tooLong) {
    this.number = number;
    this.offset = offset;
    this.bytes = bytes;
    this.tooLong = tooLong;
  }

  /** The line as text; undefined where its bytes are not UTF-8. */
  get text() {
    return utf8(this.bytes);
  }
}

/** Bytes as text; undefined where they are not UTF-8. A byte order mark at the beginning is left out. */
export function utf8(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export class Body {
  #readAt;

  /** Around `size` bytes that `readAt(offset, max)` gives; it may give fewer than it could, and none at the end. */
  constructor(size, readAt) {
    this.size = size;
    this.#readAt = readAt;
  }

  /** A body of these bytes, or of this text in UTF-8. */
  static of(bytes) {
    const whole = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    return new Body(whole.length, (offset, max) => whole.subarray(offset, offset + max));
  }

  /** Up to `max` bytes from `offset`; empty at the end. */
  read(offset, max) {
    if (offset >= this.size || max <= 0) return new Uint8Array();
    return this.#readAt(offset, Math.min(max, this.size - offset));
  }

  /** All of it in pieces, in order. */
  *pieces(maxBytes = PIECE_BYTES) {
    for (let offset = 0; offset < this.size; ) {
      const piece = this.read(offset, maxBytes);
      if (piece.length === 0) return;
      offset += piece.length;
      yield piece;
    }
  }

  /** The whole of it, if it has at most `maxBytes`; else `InvalidInput`. */
  bytes(maxBytes = WHOLE_BYTES) {
    if (this.size > maxBytes) throw new InvalidInput(`the message has ${this.size} bytes and may have ${maxBytes}`);
    const whole = new Uint8Array(this.size);
    let length = 0;
    for (const piece of this.pieces()) {
      whole.set(piece, length);
      length += piece.length;
    }
    return whole.subarray(0, length);
  }

  /** The whole of it as text, if it has at most `maxBytes` and is UTF-8; else `InvalidInput`. */
  text(maxBytes = WHOLE_BYTES) {
    const text = utf8(this.bytes(maxBytes));
    if (text === undefined) throw new InvalidInput('the message is not UTF-8');
    return text;
  }

  /**
   * Its lines, without LF or CRLF, one at a time whatever the size of the whole. A line of more than `maxBytes` comes with its
   * beginning and `tooLong`.
   */
  *lines(maxBytes = LINE_BYTES) {
    let number = 1;
    let offset = 0;
    let lineBytes = 0;
    let held = [];
    let heldBytes = 0;
    let tooLong = false;
    let any = false;
    const hold = (bytes) => {
      lineBytes += bytes.length;
      const room = maxBytes - heldBytes;
      if (bytes.length > room) tooLong = true;
      if (room > 0 && bytes.length > 0) {
        // A copy: what is left of a piece may be long gone from the sandbox when it is asked for.
        held.push(bytes.slice(0, room));
        heldBytes += Math.min(bytes.length, room);
      }
    };
    const line = (endBytes) => {
      let bytes = held.length === 1 ? held[0] : join(held, heldBytes);
      if (!tooLong && bytes.at(-1) === CR) bytes = bytes.subarray(0, -1);
      const made = new Line(number++, offset, bytes, tooLong);
      offset += lineBytes + endBytes;
      lineBytes = 0;
      held = [];
      heldBytes = 0;
      tooLong = false;
      return made;
    };
    for (const piece of this.pieces()) {
      let start = 0;
      for (let end; (end = piece.indexOf(LF, start)) >= 0; start = end + 1) {
        hold(piece.subarray(start, end));
        yield line(1);
        any = false;
      }
      if (start < piece.length) {
        hold(piece.subarray(start));
        any = true;
      }
    }
    if (any) yield line(0);
  }
}

function join(pieces, length) {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
