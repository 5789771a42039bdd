// Makes the component without its manifest: node kit/build.js WIT WORLD ENTRY OUTPUT.
// `mover plugin build` calls it. Change nothing in it.

import { readFileSync, writeFileSync } from 'node:fs';
import { componentize } from '@bytecodealliance/componentize-js';

const [witPath, worldName, sourcePath, output] = process.argv.slice(2);

// What the component knows of its manifest; it has no files to read it from.
const manifest = JSON.parse(readFileSync('manifest.json', 'utf8'));
writeFileSync(
  'target/manifest.js',
  `export const schema = ${JSON.stringify(manifest.config_schema)};\n`,
);

try {
  const { component } = await componentize({
    sourcePath,
    witPath,
    worldName,
    // No clock, no files, no network, no randomness of the machine: without these no WASI is left.
    disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
  });
  writeFileSync(output, component);
} catch (error) {
  // The first line tells of a tool of componentize-js; an author's own mistake stands below it.
  console.error(error.message.replace(/^Failed to initialize component.*\n/, ''));
  process.exit(1);
}
