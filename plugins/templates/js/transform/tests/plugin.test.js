import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CorruptError } from '../kit/mover-plugin.js';
import { Plugin } from '../src/plugin.js';

test('every chunk comes back', () => {
  const plugin = new Plugin({ shortest: 16 });
  const mixed = [1, 2, 3, ...Array(100).fill(0), ...Array(20).fill(4), ...Array(15).fill(0), 5];
  for (const chunk of [[], [7], [0], Array(100_000).fill(0), mixed].map((it) => Uint8Array.from(it))) {
    assert.deepEqual(plugin.decode(plugin.encode(chunk), chunk.length), chunk);
  }
  assert.equal(plugin.encode(Uint8Array.from(mixed)).length, 8 + 3 + 8 + 20 + 15 + 1);
});

test('damaged chunks are errors or other bytes', () => {
  const plugin = new Plugin({ shortest: 16 });
  const encoded = plugin.encode(Uint8Array.from([1, 2, 3, ...Array(1000).fill(0), 4]));
  for (let place = 0; place < encoded.length; place += 1) {
    for (let value = 0; value < 256; value += 1) {
      const damaged = encoded.slice();
      damaged[place] = value;
      try {
        assert.equal(plugin.decode(damaged, 1004).length, 1004);
      } catch (error) {
        assert.ok(error instanceof CorruptError, String(error));
      }
    }
  }
});
