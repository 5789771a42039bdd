// Finds a word in plain data.

import { ConfigError } from '../kit/mover-plugin.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** How many places are told; the host keeps 64. */
const PLACE_COUNT_MAX = 64;

/** Looks at one entry after another. */
export class Plugin {
  /** `config` fits the schema in `manifest.json`. */
  constructor(config) {
    this.word = encoder.encode(config.word);
    if (this.word.length < 1 || this.word.length > 1000) {
      throw new ConfigError('word: it has from 1 to 1000 bytes');
    }
    this.action = config.action;
    this.begin();
  }

  begin() {
    this.offset = 0;
    // The last bytes of the entry, one less than the word has: it may lie across a border.
    this.tail = new Uint8Array(0);
    this.places = [];
  }

  /** Sees the next bytes of the entry. */
  look(piece) {
    const { word, tail } = this;
    const seen = new Uint8Array(tail.length + piece.length);
    seen.set(tail);
    seen.set(piece, tail.length);
    const base = this.offset - tail.length;
    // `indexOf` is the engine's own, and many times faster than a loop in JavaScript.
    let place = seen.indexOf(word[0]);
    while (place >= 0 && place + word.length <= seen.length) {
      const isThere = word.every((byte, index) => seen[place + index] === byte);
      if (isThere && this.places.length < PLACE_COUNT_MAX) this.places.push(base + place);
      place = seen.indexOf(word[0], place + 1);
    }
    this.offset += piece.length;
    this.tail = seen.slice(Math.max(0, seen.length - word.length + 1));
  }

  /** Answers at the end of the entry, and makes ready for another. */
  verdict() {
    const length = this.word.length;
    const findings = this.places.map((offset) => ({ name: 'word', offset, length }));
    this.begin();
    return { action: findings.length > 0 ? this.action : 'pass', findings };
  }

  /** All that `resume` needs in the middle of an entry. */
  save() {
    return encoder.encode(JSON.stringify([this.offset, Array.from(this.tail), this.places]));
  }

  /** Goes on where a saved one stood; a state may be damaged, and then it throws. */
  resume(state) {
    const [offset, tail, places] = JSON.parse(decoder.decode(state));
    const isPossible =
      [offset, ...places].every((it) => Number.isSafeInteger(it) && it >= 0) &&
      tail.every((it) => Number.isInteger(it) && it >= 0 && it < 256) &&
      tail.length < this.word.length &&
      tail.length <= offset &&
      places.length <= PLACE_COUNT_MAX;
    if (!isPossible) throw new Error('the state is damaged');
    this.offset = offset;
    this.tail = Uint8Array.from(tail);
    this.places = places;
  }
}
