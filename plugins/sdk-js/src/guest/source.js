import { implementation, poll } from '../run.js';
import { call } from './io.js';
import { guarded } from './thrown.js';

/** The component's `source`, from the plugin's. */
export function guest(plugin) {
  const source = implementation(plugin, 'source', 'poll');
  return {
    poll: (now, since, maxRecords) => guarded(() => poll(source, call(), { now: Number(now), since, maxRecords })),
  };
}
