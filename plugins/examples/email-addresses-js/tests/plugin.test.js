import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Plugin } from '../src/plugin.js';

const bytes = (text) => new TextEncoder().encode(text);

/** The verdict of a text in pieces of a length. */
function verdict(text, { more_than = 0, length = 1 << 20 } = {}) {
  const plugin = new Plugin({ more_than });
  const entry = bytes(text);
  for (let start = 0; start < entry.length; start += length) {
    plugin.look(entry.subarray(start, start + length));
  }
  return plugin.verdict();
}

const places = (text, how) =>
  (verdict(text, how).findings ?? []).map(({ offset, length }) => [offset, length]);

test('addresses are found as people write them', () => {
  assert.deepEqual(places('a@b.org'), [[0, 7]]);
  assert.deepEqual(places('write to <Ann.Lee+x@mail.example.com>.'), [[10, 26]]);
  assert.deepEqual(places('-ann@example.com, bob@example.com.'), [[1, 15], [18, 15]]);
  assert.deepEqual(places(`${'n'.repeat(64)}@example.com`), [[0, 76]]);
});

test('what only resembles one is none', () => {
  for (const text of [
    '',
    '@',
    'git@localhost',
    'name@',
    '@example.com',
    'a @example.com',
    'a.@example.com',
    'a@-example.com',
    'a@example.c',
    'a@10.0.0.1',
    'user@@example.com',
    `${'n'.repeat(65)}@example.com`,
  ]) {
    assert.deepEqual(verdict(text), { action: 'pass' }, text);
  }
});

test('windows make no difference', () => {
  const text = `${'ann@example.com '.repeat(20)}${'x'.repeat(300)}@${'y.'.repeat(150)}com bob@b.org`;
  const whole = places(text);
  assert.equal(whole.length, 21);
  for (const length of [1, 2, 7, 64, 254, 319]) assert.deepEqual(places(text, { length }), whole);
});

test('entries with more addresses than configured are tagged', () => {
  const text = 'ann@example.com\n'.repeat(100);
  assert.equal(verdict(text, { more_than: 100 }).action, 'pass');
  const { action, findings } = verdict(text, { more_than: 99 });
  assert.equal(action, 'tag');
  assert.equal(findings.length, 64);
  assert.equal(findings[0].detail, 'count=100');
  assert.ok(!JSON.stringify(findings).includes('ann'));
});

test('a saved one goes on where it stood', () => {
  const entry = bytes(`${'x'.repeat(500)} ann@example.com, bob@example.com`);
  const whole = verdict(new TextDecoder().decode(entry));
  for (let place = 0; place <= entry.length; place += 1) {
    const [first, second] = [new Plugin({ more_than: 0 }), new Plugin({ more_than: 0 })];
    first.look(entry.subarray(0, place));
    second.resume(first.save());
    second.look(entry.subarray(place));
    assert.deepEqual(second.verdict(), whole);
  }
});

test('a damaged state is refused or harmless', () => {
  const first = new Plugin({ more_than: 0 });
  first.look(bytes('ann@example.com '.repeat(30)));
  const state = first.save();
  for (let place = 0; place < state.length; place += 1) {
    const damaged = state.slice();
    damaged[place] ^= 1;
    const plugin = new Plugin({ more_than: 0 });
    try {
      plugin.resume(damaged);
    } catch {
      continue;
    }
    plugin.look(bytes('bob@example.com'));
    assert.equal(plugin.verdict().action, 'tag');
  }
});
