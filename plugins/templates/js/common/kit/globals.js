// What the component's global scope has. Change nothing in it.
//
// The engine answers a clock with the time of the build, and dice with one fixed sequence. Neither
// is the machine's, but what a plugin makes of them depends on its build, or on the calls before.
// So they throw, and what could only trap is not there.

import { log } from './mover-plugin.js';

const missing = (what) => () => {
  throw new Error(`${what}: a plugin has no clock and no dice`);
};

Math.random = missing('Math.random()');
Date.now = missing('Date.now()');
globalThis.Date = new Proxy(Date, {
  apply: missing('Date()'),
  construct: (target, [...given]) =>
    given.length > 0 ? new target(...given) : missing('new Date()')(),
});

for (const name of [
  'crypto',
  'fetch',
  // When memory is collected depends on the calls before.
  'FinalizationRegistry',
  'performance',
  'setInterval',
  'setTimeout',
  'WeakRef',
]) {
  delete globalThis[name];
}

const LEVELS = { debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error' };
for (const [name, level] of Object.entries(LEVELS)) {
  console[name] = (...parts) => log(level, parts.join(' '));
}
