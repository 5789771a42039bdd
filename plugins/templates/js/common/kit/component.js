// What the components of all roles share. Change nothing in it.

import { write } from 'mover:plugin/log@0.1.0';
import './globals.js';
import { schema } from '../target/manifest.js';
import { configuration } from './config.js';
import { ConfigError, CorruptError, logTo } from './mover-plugin.js';

logTo(write);

/** Makes a plugin of a configuration's text, and of what else its constructor takes. */
export function open(Plugin, config, ...others) {
  return call(() => new Plugin(configuration(config, schema), ...others));
}

/** Runs what is the author's; whatever it throws becomes an error of the contract. */
export function call(run) {
  try {
    return run();
  } catch (error) {
    throw contractError(error);
  }
}

/** Writes what the plugin's `method` gave. */
export function put(output, bytes, method) {
  output.write(checked(bytes, method));
}

/** The bytes that the plugin's `method` gave, if that is what they are. */
export function checked(bytes, method) {
  // `instanceof` does not know the input itself, which was made outside of this global scope.
  const isBytes = bytes?.[Symbol.toStringTag] === 'Uint8Array';
  if (!isBytes) throw new TypeError(`${method} gave no Uint8Array`);
  return bytes;
}

function contractError(error) {
  if (error instanceof ConfigError) return { kind: 'invalid-config', message: error.message };
  if (error instanceof CorruptError) return { kind: 'corrupt-input', message: error.message };
  // The innermost line of the stack that is the author's.
  const [, place] = /@(?!kit\/|\/)([^@\s]+\.js:\d+)/.exec(error?.stack) ?? [];
  return { kind: 'other', message: place ? `${error} (${place})` : String(error) };
}
