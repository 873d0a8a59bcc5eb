// A guest of the hub's tests that does what its message says. In TypeScript, so that this way is built and run as well.
import { type Batch, type Call, type Context, Config, InvalidInput, type Message, type Poll, delivered, ok, refused, retry } from '@lienthong/sdk';

function innermost(): never {
  throw new RangeError('a defect of the plugin');
}

const acts: Record<string, (call: Call, message: Message) => unknown> = {
  lines(call, { body, name, contentType, receivedAt }) {
    for (const line of body.lines(16)) {
      if (line.tooLong || line.text === undefined) call.reject('values', line.bytes, line.tooLong ? 'too long' : 'not UTF-8', `line ${line.number}`);
      else if (line.number > 1) call.emit('values', { value: line.text, name, contentType, receivedAt, settings: call.settings });
    }
    call.log('info', 'read');
    call.flush();
    const { accepted, refused, first } = call.verdict;
    return { contentType: 'text/plain', body: `${accepted} ${refused} ${first[0]?.pointer} ${call.rejected}` };
  },
  attach(call) {
    const file = call.attach('values');
    file.write(new Uint8Array([97, 98]));
    file.write(new Uint8Array([99]));
    call.emit('values', { ...file.finish() });
  },
  async late() {
    await Promise.resolve();
    innermost();
  },
  defect: innermost,
  deep: () => (function deeper(n: number): number { return 1 + deeper(n + 1); })(0),
  hoard() {
    const all: Uint8Array[] = [];
    for (;;) all.push(new Uint8Array(1 << 20).fill(1));
  },
  port: (call) => { call.emit('nowhere', {}); call.flush(); },
  setting: () => { throw new Config('`colour` is no colour'); },
  odd: () => { throw 'a text'; },
  library: () => ({ contentType: 'text/plain', body: `${typeof Date.now()} ${typeof Math.random()}` }),
};

export const receiver = {
  receive(call: Call, message: Message) {
    const what = new TextDecoder().decode(message.body.read(0, 64)).split('\n')[0];
    const act = acts[what];
    if (!act) throw new InvalidInput(`nobody does \`${what}\``);
    return act(call, message) as undefined;
  },
};

export const source = {
  async poll(call: Call, { now, since, maxRecords }: Poll) {
    const url = call.settings.url as string;
    const response = ok(await call.fetch(url, { method: 'POST', body: 'ping', headers: { 'x-since': since ? new TextDecoder().decode(since) : 'never' } }));
    call.emit('values', { value: await response.text(), now, maxRecords, etag: response.headers.get('etag') });
    return { next: `at ${now}`, more: since === undefined };
  },
};

export const sink = {
  deliver(context: Context, { channel, items }: Batch, key: string) {
    context.log('info', `${channel} ${key}`);
    return items.map(({ id, record }) => {
      if (record.n === 0) return delivered();
      return record.n === 1 ? retry(id) : refused('no room');
    });
  },
};
