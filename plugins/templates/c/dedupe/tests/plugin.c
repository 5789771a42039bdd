// cc tests/plugin.c src/plugin.c -o plugin-test && ./plugin-test

#include "../src/plugin.h"
#undef NDEBUG
#include <assert.h>

static const uint8_t entry[100000];

static void every_block_is_a_page_but_the_last_of_an_entry(void) {
  for (size_t length = 1; length < sizeof entry; length += 37) {
    size_t start = 0, count = 0;
    while (start < length) {
      size_t block = plugin_cut(1000, entry + start, length - start, true);
      if (block == 0) block = length - start;
      assert(block == 1000 || start + block == length);
      start += block;
      count++;
    }
    assert(start == length && count == (length + 999) / 1000);
  }
}

static void no_cut_depends_on_what_follows(void) {
  for (size_t length = 1000; length < 3000; length++) {
    assert(plugin_cut(1000, entry, length, false) == 1000);
    assert(plugin_cut(1000, entry, length, true) == 1000);
  }
  assert(plugin_cut(1000, entry, 999, false) == 0);
}

int main(void) {
  every_block_is_a_page_but_the_last_of_an_entry();
  no_cut_depends_on_what_follows();
  return 0;
}
