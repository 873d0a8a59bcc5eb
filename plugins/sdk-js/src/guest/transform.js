import { apply, implementation } from '../run.js';
import { guarded } from './thrown.js';

/** The component's `transform`, from the plugin's. It imports no function, so there is nothing of the hub here. */
export function guest(plugin) {
  const transform = implementation(plugin, 'transform', 'apply');
  return { apply: (now, groups) => guarded(() => apply(transform, Number(now), groups)) };
}
