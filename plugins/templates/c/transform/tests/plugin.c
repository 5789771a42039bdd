// cc tests/plugin.c src/plugin.c -o plugin-test && ./plugin-test

#include "../src/plugin.h"
#undef NDEBUG
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void comes_back(const uint8_t *chunk, size_t length, size_t expect) {
  uint8_t *encoded = malloc(plugin_room(length)), *plain = malloc(length + 1);
  size_t written = plugin_encode(16, chunk, length, encoded);
  assert(written <= plugin_room(length) && (expect == 0 || written == expect));
  assert(plugin_decode(encoded, written, plain, length) == NULL);
  assert(memcmp(plain, chunk, length) == 0);
  // Every change of one byte is an error or other bytes, and never a write out of bounds.
  for (size_t place = 0; place < written && place < 200; place++) {
    for (int value = 0; value < 256; value++) {
      uint8_t before = encoded[place];
      encoded[place] = (uint8_t)value;
      (void)plugin_decode(encoded, written, plain, length);
      encoded[place] = before;
    }
  }
  free(encoded);
  free(plain);
}

int main(void) {
  uint8_t chunk[3 + 100 + 20 + 15 + 1] = {1, 2, 3};
  memset(chunk + 103, 4, 20);
  chunk[138] = 5;
  comes_back(chunk, 0, 8);
  comes_back(chunk, sizeof chunk, 8 + 3 + 8 + 20 + 15 + 1);
  static uint8_t zeros[100000];
  comes_back(zeros, sizeof zeros, 16);
  return 0;
}
