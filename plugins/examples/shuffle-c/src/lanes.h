// Sixteen bytes worked on at once: each of these becomes one instruction of WebAssembly. They are
// of no one machine, so that the tests on the host try the same code, by clang or gcc 12 and later.
#pragma once
#include <stdint.h>

// Anywhere in memory.
typedef uint8_t lanes_t __attribute__((vector_size(16), aligned(1)));

static inline lanes_t lanes_even(lanes_t low, lanes_t high) {
  return __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14,
                                 16, 18, 20, 22, 24, 26, 28, 30);
}

static inline lanes_t lanes_odd(lanes_t low, lanes_t high) {
  return __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15,
                                 17, 19, 21, 23, 25, 27, 29, 31);
}

// The first halves of both, in turn.
static inline lanes_t lanes_zip_low(lanes_t even, lanes_t odd) {
  return __builtin_shufflevector(even, odd, 0, 16, 1, 17, 2, 18, 3, 19,
                                 4, 20, 5, 21, 6, 22, 7, 23);
}

// The second halves of both, in turn.
static inline lanes_t lanes_zip_high(lanes_t even, lanes_t odd) {
  return __builtin_shufflevector(even, odd, 8, 24, 9, 25, 10, 26, 11, 27,
                                 12, 28, 13, 29, 14, 30, 15, 31);
}
