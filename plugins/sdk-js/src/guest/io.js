// The sandbox's side of a call: bodies, emits, rejections and attachments.
import { attach, emit, finish, reject } from 'lienthong:connector/io@1.0.0';
import { Body } from '../body.js';
import { Call } from '../call.js';
import { Stopped, Upstream } from '../failure.js';
import { environment } from './environment.js';

export const call = () => new Call(environment, output);

/** The hub's blob as a body. */
export function body(blob) {
  const readAt = (offset, max) => {
    try {
      return blob.read(BigInt(offset), max);
    } catch (error) {
      throw new Upstream(`the hub cannot read the message: ${error.payload?.val ?? error.payload?.tag ?? error}`);
    }
  };
  return new Body(Number(blob.size()), readAt);
}

const output = {
  emit: (port, records) => stopping(() => emit(port, records)),
  reject: (port, bytes, reason, at) => stopping(() => reject(port, bytes, reason, at)),
  attach(port) {
    const attachment = stopping(() => attach(port));
    return {
      write: (bytes) => stopping(() => attachment.write(bytes)),
      finish() {
        const { sha256, size } = stopping(() => finish(attachment));
        return { sha256, size: Number(size) };
      },
    };
  },
};

function stopping(run) {
  try {
    return run();
  } catch (error) {
    const { tag, val } = error.payload ?? {};
    if (tag === undefined) throw error;
    throw new Stopped(tag, tag === 'unknown-port' ? `the connector's \`emits:\` has no port \`${val}\`: name a channel for it` : val);
  }
}
