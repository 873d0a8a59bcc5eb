import { implementation, receive } from '../run.js';
import { body, call } from './io.js';
import { guarded } from './thrown.js';

/** The component's `receiver`, from the plugin's. */
export function guest(plugin) {
  const receiver = implementation(plugin, 'receiver', 'receive');
  return {
    receive: ({ body: blob, name, contentType, receivedAt }) =>
      guarded(() => receive(receiver, call(), { body: body(blob), name, contentType, receivedAt: Number(receivedAt) })),
  };
}
