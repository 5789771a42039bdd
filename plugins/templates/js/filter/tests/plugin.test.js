import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Plugin } from '../src/plugin.js';

/** Takes an entry through in pieces of a length. */
function through(plugin, entry, length) {
  const parts = [];
  for (let start = 0; start < entry.length; start += length) {
    parts.push(...plugin.next(entry.subarray(start, start + length)));
  }
  return Uint8Array.from([...parts, ...plugin.finish()]);
}

test('bytes that grow steadily become equal', () => {
  const plugin = new Plugin({ distance: 2 }, 'apply');
  const entry = Uint8Array.of(1, 5, 2, 6, 3, 7);
  assert.deepEqual([...through(plugin, entry, 6)], [1, 5, 1, 1, 1, 1]);
});

test('every entry comes back, in whatever pieces', () => {
  const entry = Uint8Array.from({ length: 10_000 }, (_, place) => (place * place) >> 3);
  for (const distance of [1, 3, 4096]) {
    const plugin = new Plugin({ distance }, 'apply');
    const back = new Plugin({ distance }, 'undo');
    const changed = through(plugin, entry, entry.length);
    for (const length of [1, 7, 4096, 10_000]) {
      assert.deepEqual(through(plugin, entry, length), changed);
      assert.deepEqual(through(back, changed, length), entry);
    }
  }
});
