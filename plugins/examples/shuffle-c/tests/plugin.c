// cc tests/plugin.c src/plugin.c -o plugin-test && ./plugin-test

#include "../src/plugin.h"
#undef NDEBUG
#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Byte by byte, as the header says it.
static void shuffle_plainly(size_t width, const uint8_t *input, size_t length, uint8_t *output) {
  size_t count = length / width, written = 0;
  for (size_t place = 0; place < width; place++) {
    for (size_t number = 0; number < count; number++) {
      output[written++] = input[number * width + place];
    }
  }
  for (size_t rest = written; rest < length; rest++) output[rest] = input[rest];
}

static void check(size_t width, size_t length) {
  // Allocated to the byte, so that a sanitizer sees what goes beyond.
  uint8_t *input = malloc(length), *expect = malloc(length), *output = malloc(length);
  for (size_t place = 0; place < length; place++) input[place] = (uint8_t)(place * 40503 >> 7);
  shuffle_plainly(width, input, length, expect);
  plugin_shuffle(width, input, length, output);
  assert(memcmp(output, expect, length) == 0);
  plugin_unshuffle(width, expect, length, output);
  assert(memcmp(output, input, length) == 0);
  free(input);
  free(expect);
  free(output);
}

static void every_length_is_shuffled_and_comes_back(void) {
  for (size_t width = 2; width <= 16; width *= 2) {
    for (size_t length = 1; length < 1000; length++) check(width, length);
    check(width, 1000003);
  }
}

static void bytes_of_equal_significance_come_together(void) {
  const uint8_t numbers[] = {1, 0, 2, 0, 3, 0, 9}, expect[] = {1, 2, 3, 0, 0, 0, 9};
  uint8_t output[sizeof numbers];
  plugin_shuffle(2, numbers, sizeof numbers, output);
  assert(memcmp(output, expect, sizeof expect) == 0);
}

int main(void) {
  every_length_is_shuffled_and_comes_back();
  bytes_of_equal_significance_come_together();
  return 0;
}
