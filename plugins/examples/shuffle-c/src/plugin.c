// Brings bytes of equal significance together: the high bytes of numbers that lie close together
// are nearly equal, and a compressor behind this one finds that.

#include "plugin.h"
#include "lanes.h"
#include <string.h>

// Numbers that are worked on at once.
#define GROUP 16
#define WIDTH_MAX 16
// Each width gets code of its own, without loops over it: then all lanes are in registers.
#define EACH_WIDTH static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
#endif

// Sixteen numbers. A byte's place is its number and, in the low bits, its significance. Dealing all
// bytes to two piles moves the lowest bit of every place to the top; after as many rounds as the
// significance has bits, it stands above the number.
EACH_WIDTH void deal(size_t width, lanes_t *lanes) {
  UNROLL for (size_t round = 1; round < width; round *= 2) {
    lanes_t before[WIDTH_MAX];
    UNROLL for (size_t place = 0; place < width; place++) before[place] = lanes[place];
    UNROLL for (size_t place = 0; place < width / 2; place++) {
      lanes[place] = lanes_even(before[2 * place], before[2 * place + 1]);
      lanes[place + width / 2] = lanes_odd(before[2 * place], before[2 * place + 1]);
    }
  }
}

// What `deal` did, backwards.
EACH_WIDTH void merge(size_t width, lanes_t *lanes) {
  UNROLL for (size_t round = 1; round < width; round *= 2) {
    lanes_t before[WIDTH_MAX];
    UNROLL for (size_t place = 0; place < width; place++) before[place] = lanes[place];
    UNROLL for (size_t place = 0; place < width / 2; place++) {
      lanes[2 * place] = lanes_zip_low(before[place], before[place + width / 2]);
      lanes[2 * place + 1] = lanes_zip_high(before[place], before[place + width / 2]);
    }
  }
}

EACH_WIDTH void shuffle(size_t width, const uint8_t *input, size_t count, uint8_t *output) {
  size_t number = 0;
  for (; number + GROUP <= count; number += GROUP) {
    lanes_t lanes[WIDTH_MAX];
    const lanes_t *from = (const lanes_t *)(input + number * width);
    UNROLL for (size_t place = 0; place < width; place++) lanes[place] = from[place];
    deal(width, lanes);
    UNROLL for (size_t place = 0; place < width; place++) {
      *(lanes_t *)(output + place * count + number) = lanes[place];
    }
  }
  for (; number < count; number++) {
    for (size_t place = 0; place < width; place++) {
      output[place * count + number] = input[number * width + place];
    }
  }
}

EACH_WIDTH void unshuffle(size_t width, const uint8_t *input, size_t count, uint8_t *output) {
  size_t number = 0;
  for (; number + GROUP <= count; number += GROUP) {
    lanes_t lanes[WIDTH_MAX];
    UNROLL for (size_t place = 0; place < width; place++) {
      lanes[place] = *(const lanes_t *)(input + place * count + number);
    }
    merge(width, lanes);
    lanes_t *to = (lanes_t *)(output + number * width);
    UNROLL for (size_t place = 0; place < width; place++) to[place] = lanes[place];
  }
  for (; number < count; number++) {
    for (size_t place = 0; place < width; place++) {
      output[number * width + place] = input[place * count + number];
    }
  }
}

void plugin_shuffle(size_t width, const uint8_t *input, size_t length, uint8_t *output) {
  size_t count = length / width, whole = count * width;
  if (width == 2) shuffle(2, input, count, output);
  if (width == 4) shuffle(4, input, count, output);
  if (width == 8) shuffle(8, input, count, output);
  if (width == 16) shuffle(16, input, count, output);
  memcpy(output + whole, input + whole, length - whole);
}

void plugin_unshuffle(size_t width, const uint8_t *input, size_t length, uint8_t *output) {
  size_t count = length / width, whole = count * width;
  if (width == 2) unshuffle(2, input, count, output);
  if (width == 4) unshuffle(4, input, count, output);
  if (width == 8) unshuffle(8, input, count, output);
  if (width == 16) unshuffle(16, input, count, output);
  memcpy(output + whole, input + whole, length - whole);
}
