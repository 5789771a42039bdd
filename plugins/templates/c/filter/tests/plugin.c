// cc tests/plugin.c src/plugin.c -o plugin-test && ./plugin-test

#include "../src/plugin.h"
#undef NDEBUG
#include <assert.h>
#include <string.h>

#define LENGTH 20000

static uint8_t entry[LENGTH], bytes[LENGTH];

// Fills `bytes` with an entry that went through and came back, in pieces of `step` bytes.
static void comes_back(size_t distance, size_t step) {
  plugin_t apply = {.distance = distance}, undo = {.distance = distance};
  memcpy(bytes, entry, LENGTH);
  for (size_t place = 0; place < LENGTH; place += step) {
    size_t left = LENGTH - place, length = left < step ? left : step;
    plugin_apply(&apply, bytes + place, length);
    plugin_undo(&undo, bytes + place, length);
  }
  assert(memcmp(bytes, entry, LENGTH) == 0);
}

static void every_entry_comes_back(void) {
  for (size_t place = 0; place < LENGTH; place++) entry[place] = (uint8_t)(place * place >> 5);
  size_t distances[] = {1, 3, DISTANCE_MAX}, steps[] = {1, 7, 4096, LENGTH};
  for (size_t distance = 0; distance < 3; distance++) {
    for (size_t step = 0; step < 4; step++) comes_back(distances[distance], steps[step]);
  }
}

static void bytes_that_grow_steadily_become_equal(void) {
  plugin_t plugin = {.distance = 2};
  // Another entry before it changes nothing.
  for (int time = 0; time < 2; time++) {
    uint8_t grown[] = {1, 5, 2, 6, 3, 7}, expect[] = {1, 5, 1, 1, 1, 1};
    plugin_apply(&plugin, grown, 3);
    plugin_apply(&plugin, grown + 3, 3);
    assert(memcmp(grown, expect, sizeof grown) == 0);
    plugin_restart(&plugin);
  }
}

int main(void) {
  every_entry_comes_back();
  bytes_that_grow_steadily_become_equal();
  return 0;
}
