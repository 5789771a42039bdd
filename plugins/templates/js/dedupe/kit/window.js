// Cuts windows into blocks as a plugin says. Change nothing in it.

import { crc32c } from './crc32c.js';

/** The blocks of a window, each with its CRC-32C; `ends` are where entries end in it. */
export function cutWindow(plugin, window, ends) {
  const cuts = [];
  let start = 0;
  for (const end of ends) {
    start = cutPart(plugin, window, start, end, true, cuts);
  }
  cutPart(plugin, window, start, window.length, false, cuts);
  return cuts;
}

/** Cuts what lies between two positions, and gives the position up to which it did. */
function cutPart(plugin, window, start, end, last, cuts) {
  while (start < end) {
    const rest = window.subarray(start, end);
    const length = plugin.cut(rest, last) ?? (last ? rest.length : 0);
    if (length === 0) break;
    const most = Math.min(rest.length, plugin.blockLengthMax);
    if (!Number.isInteger(length) || length < 1 || length > most) {
      throw new RangeError(`cut gave ${length}, and from 1 to ${most} may be`);
    }
    cuts.push({ length, crc: crc32c(rest.subarray(0, length)) });
    start += length;
  }
  return start;
}
