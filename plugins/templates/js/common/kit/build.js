// Makes the component without its manifest: node kit/build.js WIT WORLD ENTRY OUTPUT.
// `mover plugin build` calls it. Change nothing in it.

import { readFileSync, writeFileSync } from 'node:fs';
import { componentize } from 'componentize-qjs';

const [witPath, world, entry, output] = process.argv.slice(2);

// What the component knows of its manifest; it has no files to read it from.
const manifest = JSON.parse(readFileSync('manifest.json', 'utf8'));
writeFileSync(
  'target/manifest.js',
  `export const schema = ${JSON.stringify(manifest.config_schema)};\n`,
);

const { component } = await componentize({
  witPath,
  world,
  jsSource: readFileSync(entry, 'utf8'),
  jsPath: entry,
  moduleRoot: '.',
  // No clock, no files, no randomness of the machine: a call of one traps.
  stubWasi: true,
  sync: true,
});
writeFileSync(output, component);
