// Leaves out runs of zeros, which sparse files and disk images have many of.
//
// An encoded chunk is a sequence of runs: how many other bytes, how many zeros after them (both as
// 32 bits, little-endian), and the other bytes.

import { CorruptError } from '../kit/mover-plugin.js';

/** One configured encoder and decoder, for one chunk after another, in any order. */
export class Plugin {
  /** `config` fits the schema in `manifest.json`. */
  constructor(config) {
    this.shortest = config.shortest;
  }

  /** Gives the encoded form: at most an eighth longer, and 1 KiB. */
  encode(chunk) {
    const { shortest } = this;
    const runs = [];
    let start = 0;
    // Among places so far apart, one lies in every run that is long enough: no other bytes are
    // looked at, since an interpreter takes hundreds of instructions for each.
    for (let place = shortest - 1; place < chunk.length; place += shortest) {
      if (chunk[place] !== 0) continue;
      let first = place;
      while (first > start && chunk[first - 1] === 0) first -= 1;
      let end = place + 1;
      while (end < chunk.length && chunk[end] === 0) end += 1;
      if (end - first >= shortest) {
        runs.push([chunk.subarray(start, first), end - first]);
        start = end;
      }
      place = end;
    }
    runs.push([chunk.subarray(start), 0]);
    const length = runs.reduce((sum, [others]) => sum + 8 + others.length, 0);
    const encoded = new Uint8Array(length);
    const view = new DataView(encoded.buffer);
    let at = 0;
    for (const [others, zeros] of runs) {
      view.setUint32(at, others.length, true);
      view.setUint32(at + 4, zeros, true);
      encoded.set(others, at + 8);
      at += 8 + others.length;
    }
    return encoded;
  }

  /** Gives exactly the chunk. The input may be anything: no length in it is believed. */
  decode(encoded, plainLength) {
    const plain = new Uint8Array(plainLength);
    const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
    let position = 0;
    let filled = 0;
    while (position < encoded.length) {
      if (encoded.length - position < 8) throw new CorruptError('a length ends too early');
      const others = view.getUint32(position, true);
      const zeros = view.getUint32(position + 4, true);
      position += 8;
      if (others > encoded.length - position) throw new CorruptError('a run ends too early');
      if (others + zeros > plainLength - filled) {
        throw new CorruptError('there is more than the chunk held');
      }
      plain.set(encoded.subarray(position, position + others), filled);
      position += others;
      filled += others + zeros;
    }
    if (filled !== plainLength) throw new CorruptError('there is less than the chunk held');
    return plain;
  }
}
