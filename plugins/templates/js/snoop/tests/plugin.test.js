import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Plugin } from '../src/plugin.js';

const bytes = (text) => new TextEncoder().encode(text);

test('the word is found wherever it stands', () => {
  const plugin = new Plugin({ word: 'aba', action: 'hold' });
  for (const piece of ['ab', 'aba, a', '', 'ba']) plugin.look(bytes(piece));
  const { action, findings } = plugin.verdict();
  assert.equal(action, 'hold');
  assert.deepEqual(findings.map((finding) => finding.offset), [0, 2, 7]);
});

test('entries without it pass', () => {
  const plugin = new Plugin({ word: 'aba', action: 'hold' });
  plugin.look(bytes('ab'));
  assert.equal(plugin.verdict().action, 'pass');
  plugin.look(bytes('a'));
  assert.equal(plugin.verdict().action, 'pass');
});

test('a saved one goes on where it stood', () => {
  const config = { word: 'aba', action: 'tag' };
  const [first, second] = [new Plugin(config), new Plugin(config)];
  first.look(bytes('aba--ab'));
  second.resume(first.save());
  second.look(bytes('a'));
  assert.deepEqual(second.verdict().findings.map((finding) => finding.offset), [0, 5]);
});

test('no word is told by its key', () => {
  assert.throws(() => new Plugin({ word: '', action: 'tag' }), /word: it has from 1/);
});
