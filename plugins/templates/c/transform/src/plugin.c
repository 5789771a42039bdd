// Leaves out runs of zeros, which sparse files and disk images have many of.
//
// An encoded chunk is a sequence of runs: how many other bytes, how many zeros after them (both as
// 32 bits, little-endian), and the other bytes.

#include "plugin.h"
#include <string.h>

#define HEAD_LENGTH 8

size_t plugin_room(size_t length) {
  // A run costs less than the zeros that it leaves out, but for the last.
  return length + HEAD_LENGTH;
}

static size_t put_run(uint8_t *output, const uint8_t *others, size_t length, size_t zeros) {
  // A chunk has at most 16 MiB. WebAssembly is little-endian.
  uint32_t head[2] = {(uint32_t)length, (uint32_t)zeros};
  memcpy(output, head, HEAD_LENGTH);
  memcpy(output + HEAD_LENGTH, others, length);
  return HEAD_LENGTH + length;
}

size_t plugin_encode(size_t shortest, const uint8_t *input, size_t length, uint8_t *output) {
  size_t written = 0, start = 0, position = 0;
  while (position < length) {
    while (position < length && input[position] != 0) position++;
    size_t zeros = position;
    while (position < length && input[position] == 0) position++;
    if (position - zeros >= shortest) {
      written += put_run(output + written, input + start, zeros - start, position - zeros);
      start = position;
    }
  }
  return written + put_run(output + written, input + start, length - start, 0);
}

const char *plugin_decode(const uint8_t *input, size_t length, uint8_t *output,
                          size_t plain_length) {
  size_t position = 0, filled = 0;
  while (position < length) {
    uint32_t head[2];
    if (length - position < HEAD_LENGTH) return "a length ends too early";
    memcpy(head, input + position, HEAD_LENGTH);
    position += HEAD_LENGTH;
    if (head[0] > length - position) return "a run ends too early";
    // Two subtractions: their sum may be more than a number holds.
    size_t room = plain_length - filled;
    if (head[0] > room || head[1] > room - head[0]) return "there is more than the chunk held";
    memcpy(output + filled, input + position, head[0]);
    memset(output + filled + head[0], 0, head[1]);
    position += head[0];
    filled += (size_t)head[0] + head[1];
  }
  return filled == plain_length ? NULL : "there is less than the chunk held";
}
