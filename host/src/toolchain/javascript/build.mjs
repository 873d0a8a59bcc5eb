// Bundles a plugin and makes it a component. Called by `lienthong plugin build` with one argument, a JSON object:
// folder, main, interfaces, wit (folder), http, out.
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { componentize } from '@bytecodealliance/componentize-js';
import { build } from 'esbuild';

const { folder, main, interfaces, wit, http, out } = JSON.parse(process.argv[2]);

// The SDK stands between the plugin's exports and those of the component.
const entry = [
  `import * as plugin from ${JSON.stringify(main)};`,
  ...interfaces.flatMap((name) => [
    `import { guest as ${name}Guest } from '@lienthong/sdk/guest/${name}';`,
    `export const ${name} = ${name}Guest(plugin);`,
  ]),
].join('\n');

try {
  const bundle = join(dirname(out), 'plugin.js');
  await build({
    stdin: { contents: entry, resolveDir: folder, sourcefile: 'component.js' },
    absWorkingDir: folder,
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import', 'default'],
    target: 'es2022',
    // An error's stack names functions, so they keep their names.
    keepNames: true,
    external: ['lienthong:*'],
    logLevel: 'warning',
  });
  // A transform may import no function; the others have a console, and clocks and random numbers for libraries that want
  // them. There is `fetch` only where plugin.toml asks for it.
  const pure = interfaces.includes('transform');
  const disableFeatures = ['fetch-event', ...(http ? [] : ['http']), ...(pure ? ['stdio', 'random', 'clocks'] : [])];
  const { component } = await componentize({ sourcePath: bundle, witPath: wit, worldName: 'plugin', disableFeatures });
  await writeFile(out, component);
} catch (error) {
  // esbuild has printed its own errors, with file and line.
  if (!error.errors) console.error(error.message);
  process.exit(1);
}
