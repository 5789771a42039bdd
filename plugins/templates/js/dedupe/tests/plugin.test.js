import assert from 'node:assert/strict';
import { test } from 'node:test';

import { crc32c } from '../kit/crc32c.js';
import { cutWindow } from '../kit/window.js';
import { Plugin } from '../src/plugin.js';

const cut = (page, entry) => cutWindow(new Plugin({ page }), entry, [entry.length]);

test('every block is a page but the last of an entry', () => {
  for (const length of [0, 1, 999, 1000, 1001, 4500]) {
    const lengths = cut(1000, new Uint8Array(length)).map((block) => block.length);
    const rest = length % 1000;
    assert.deepEqual(lengths, [...Array(Math.floor(length / 1000)).fill(1000), ...(rest ? [rest] : [])]);
  }
});

test('what no entry ends behind is cut where a page is full', () => {
  const cuts = cutWindow(new Plugin({ page: 1000 }), new Uint8Array(4500), [1500]);
  assert.deepEqual(cuts.map((block) => block.length), [1000, 500, 1000, 1000, 1000]);
});

test('a page that changes is the only other block', () => {
  const entry = new Uint8Array(100_000).fill(7);
  const before = cut(4096, entry);
  entry[50_000] = 8;
  const after = cut(4096, entry);
  assert.equal(after.filter(({ crc }, index) => crc !== before[index].crc).length, 1);
});

test('the checksum is CRC-32C, wherever the bytes lie in memory', () => {
  const text = new TextEncoder().encode('123456789');
  assert.equal(crc32c(text), 0xe3069283);
  for (let length = 0; length <= text.length; length += 1) {
    for (const start of [1, 2, 3]) {
      const moved = new Uint8Array(16).subarray(start, start + length);
      moved.set(text.subarray(0, length));
      assert.equal(crc32c(moved), crc32c(text.slice(0, length)));
    }
  }
});
