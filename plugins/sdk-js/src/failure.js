// Why a call failed as a whole, as classes to throw. Nothing that the call emitted counts then.

/** The base of them; `tag` is the case of the contract's `failure`. */
export class Failure extends Error {
  constructor(tag, message) {
    super(message);
    this.name = this.constructor.name;
    this.tag = tag;
  }
}

/** The message cannot be read at all; sending it again will not help. */
export class InvalidInput extends Failure {
  constructor(message) {
    super('invalid-input', message);
  }
}

/** The agency system did not accept the credentials. */
export class Unauthorized extends Failure {
  constructor(message) {
    super('unauthorized', message);
  }
}

/** The agency system asks for patience, for so many seconds if it said so. */
export class RateLimited extends Failure {
  constructor(seconds) {
    super('rate-limited', seconds === undefined ? 'rate limited' : `rate limited for ${seconds} s`);
    this.seconds = seconds;
  }
}

/** The agency system failed or did not answer; trying again later may help. */
export class Upstream extends Failure {
  constructor(message) {
    super('upstream', message);
  }
}

/** The connector's settings are wrong; a person must mend them. */
export class Config extends Failure {
  constructor(message) {
    super('config', message);
  }
}

/** The plugin itself is at fault. What is thrown and is none of these becomes one, with its stack. */
export class Internal extends Failure {
  constructor(message) {
    super('internal', message);
  }
}

/** The hub takes no more from this call. Let it pass: what was refused is lost, so the call fails either way. */
export class Stopped extends Failure {
  constructor(kind, message) {
    super(kind === 'cancelled' ? 'upstream' : 'config', message);
    this.kind = kind;
  }
}

/** The most of a stack that is told: its beginning is what matters. */
const STACK_CHARS = 4000;

/** Whatever was thrown, as the contract's `failure`. */
export function asFailure(thrown) {
  if (thrown instanceof RateLimited) return { tag: thrown.tag, val: thrown.seconds };
  if (thrown instanceof Failure) return { tag: thrown.tag, val: thrown.message };
  return { tag: 'internal', val: describe(thrown) };
}

/** Name, message and stack, whatever it is: this must not throw itself. */
function describe(thrown) {
  try {
    if (!(thrown instanceof Error)) return `thrown: ${String(thrown)}`;
    const head = `${thrown.name}: ${thrown.message}`;
    // Some engines begin a stack with the message, others do not.
    const stack = String(thrown.stack ?? '').trim();
    const text = stack.startsWith(head) ? stack : `${head}\n${stack}`;
    return folded(text).slice(0, STACK_CHARS);
  } catch {
    return 'thrown: a value that cannot be shown';
  }
}

/** A stack without its repetitions: of too deep a recursion one line is enough. */
function folded(stack) {
  const lines = [];
  for (const line of stack.split('\n')) {
    const last = lines.at(-1);
    if (last?.line === line) last.count += 1;
    else lines.push({ line, count: 1 });
  }
  return lines.map(({ line, count }) => (count === 1 ? line : `${line} (${count} times)`)).join('\n');
}
