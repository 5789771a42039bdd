// CRC-32C (Castagnoli). Change nothing in it.
//
// An interpreter pays for every step and little for memory: 16 bits are looked up at once.
// The tables are made while the component is built.

// The polynomial with its bits reflected, as the checksum is defined.
const POLYNOMIAL = 0x82f63b78;

/** What 16 bits become when they are taken, and when 16 more zeros are taken after them. */
const HALVES = new Int32Array(0x10000).map((_, bits) => zeros(bits, 16));
const HALVES_BEFORE = HALVES.map((crc) => zeros(crc, 16));

function zeros(crc, count) {
  for (let bit = 0; bit < count; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  return crc;
}

/** The checksum of `bytes`. */
export function crc32c(bytes) {
  // Words can be read at once only where they are aligned in memory.
  const head = -bytes.byteOffset & 3;
  if (bytes.length < head) return ~takeBytes(-1, bytes) >>> 0;
  // Signed, since the interpreter keeps larger numbers as floats.
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + head, (bytes.length - head) >> 2);
  let crc = takeBytes(-1, bytes.subarray(0, head));
  for (let index = 0; index < words.length; index += 1) {
    const word = crc ^ words[index];
    crc = HALVES_BEFORE[word & 0xffff] ^ HALVES[word >>> 16];
  }
  return ~takeBytes(crc, bytes.subarray(head + words.byteLength)) >>> 0;
}

function takeBytes(crc, bytes) {
  for (const byte of bytes) crc = (crc >>> 8) ^ zeros((crc ^ byte) & 0xff, 8);
  return crc;
}
