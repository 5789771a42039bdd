// Finds e-mail addresses, which are personal data. Says where they are, never what they are.

import { AFTER, BEFORE, address } from './address.js';

/** How many places are told; the host keeps 64. */
const PLACE_COUNT_MAX = 64;
const AT = '@'.charCodeAt(0);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Looks at one entry after another. */
export class Plugin {
  /** `config` fits the schema in `manifest.json`. */
  constructor(config) {
    this.moreThan = config.more_than;
    this.begin();
  }

  begin() {
    // What the next bytes may decide, with what stands before it; the rest of the entry is done.
    this.tail = new Uint8Array(0);
    // Where in the entry the tail begins, and where in the tail nothing is decided yet.
    this.offset = 0;
    this.open = 0;
    this.count = 0;
    // Of each address that is told, where it begins and how long it is.
    this.places = [];
  }

  /** Sees the next bytes of the entry. */
  look(piece) {
    const seen = new Uint8Array(this.tail.length + piece.length);
    seen.set(this.tail);
    seen.set(piece, this.tail.length);
    const end = Math.max(this.open, seen.length - AFTER);
    this.decide(seen, end);
    const start = Math.max(0, end - BEFORE);
    this.tail = seen.slice(start);
    this.offset += start;
    this.open = end - start;
  }

  /** Decides of each `@` before `end` whether it is one of an address. */
  decide(seen, end) {
    // `indexOf` is the engine's own, and many times faster than a loop in JavaScript.
    for (let at = seen.indexOf(AT, this.open); at >= 0 && at < end; at = seen.indexOf(AT, at + 1)) {
      const found = address(seen, at);
      if (!found) continue;
      this.count += 1;
      if (this.places.length < PLACE_COUNT_MAX) {
        this.places.push([this.offset + at - found.before, found.before + 1 + found.behind]);
      }
    }
  }

  /** Answers at the end of the entry, and makes ready for another. */
  verdict() {
    this.decide(this.tail, this.tail.length);
    const { count, places } = this;
    this.begin();
    if (count <= this.moreThan) return { action: 'pass' };
    const detail = `count=${count}`;
    const finding = ([offset, length]) => ({ name: 'email_address', offset, length, detail });
    return { action: 'tag', findings: places.map(finding) };
  }

  /** All that `resume` needs in the middle of an entry. */
  save() {
    const { tail, offset, open, count, places } = this;
    return encoder.encode(JSON.stringify([Array.from(tail), offset, open, count, places]));
  }

  /** Goes on where a saved one stood; a state may be damaged, and then it throws. */
  resume(state) {
    const [tail, offset, open, count, places] = JSON.parse(decoder.decode(state));
    const isPossible =
      [offset, open, count, ...places.flat()].every((it) => Number.isSafeInteger(it) && it >= 0) &&
      tail.every((it) => Number.isInteger(it) && it >= 0 && it < 256) &&
      tail.length <= BEFORE + AFTER &&
      open <= tail.length &&
      places.length === Math.min(count, PLACE_COUNT_MAX) &&
      places.every((place) => place.length === 2 && place[1] <= BEFORE + 1 + AFTER);
    if (!isPossible) throw new Error('the state is damaged');
    Object.assign(this, { tail: Uint8Array.from(tail), offset, open, count, places });
  }
}
