// The sandbox's side of a context: the hub's functions by the names that the contract gives them.
import { settings } from 'lienthong:connector/config@1.0.0';
import { write } from 'lienthong:connector/log@1.0.0';

export const environment = {
  settings,
  log: write,
  fetch(url, init) {
    if (typeof globalThis.fetch !== 'function') throw new Error('there is no way out: say `[egress] http = true` in plugin.toml');
    return globalThis.fetch(url, init);
  },
};

