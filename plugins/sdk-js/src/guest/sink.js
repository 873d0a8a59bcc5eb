import { Context } from '../call.js';
import { deliver, implementation } from '../run.js';
import { environment } from './environment.js';
import { guarded } from './thrown.js';

/** The component's `sink`, from the plugin's. */
export function guest(plugin) {
  const sink = implementation(plugin, 'sink', 'deliver');
  return { deliver: (batch, idempotencyKey) => guarded(() => deliver(sink, new Context(environment), batch, idempotencyKey)) };
}
