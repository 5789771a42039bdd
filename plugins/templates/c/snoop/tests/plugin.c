// cc tests/plugin.c src/plugin.c -o plugin-test && ./plugin-test

#include "../src/plugin.h"
#undef NDEBUG
#include <assert.h>
#include <stdlib.h>

static plugin_t opened(const char *word) {
  plugin_t plugin = {.word_length = strlen(word), .action = ACTION_HOLD};
  memcpy(plugin.word, word, plugin.word_length);
  return plugin;
}

// In pieces of `step` bytes, saved and resumed between all of them.
static verdict_t verdict_on(const char *word, const char *entry, size_t step) {
  plugin_t plugin = opened(word);
  for (size_t place = 0, length = strlen(entry); place < length; place += step) {
    size_t left = length - place;
    plugin_look(&plugin, (const uint8_t *)entry + place, left < step ? left : step);
    uint8_t bytes[4096];
    state_t saved = {.bytes = bytes, .room = sizeof bytes};
    plugin_save(&plugin, &saved);
    state_t state = {.bytes = bytes, .room = saved.length};
    plugin = opened(word);
    assert(!saved.is_past_end && plugin_resume(&plugin, &state) && state_is_whole(&state));
  }
  verdict_t verdict = {0};
  plugin_verdict(&plugin, &verdict);
  return verdict;
}

static void the_word_is_found_wherever_it_stands(void) {
  for (size_t step = 1; step <= 10; step++) {
    verdict_t verdict = verdict_on("aba", "ababa, aba", step);
    assert(verdict.action == ACTION_HOLD && verdict.count == 3);
    assert(verdict.findings[0].offset == 0 && verdict.findings[0].length == 3);
    assert(verdict.findings[1].offset == 2 && verdict.findings[2].offset == 7);
    assert(verdict_on("b", "ababa", step).findings[1].offset == 3);
  }
}

static void entries_without_it_pass(void) {
  plugin_t plugin = opened("aba");
  verdict_t verdict = {0};
  plugin_look(&plugin, (const uint8_t *)"ab", 2);
  plugin_verdict(&plugin, &verdict);
  assert(verdict.action == ACTION_PASS && verdict.count == 0);
  plugin_look(&plugin, (const uint8_t *)"a", 1);
  plugin_verdict(&plugin, &verdict);
  assert(verdict.action == ACTION_PASS && verdict.count == 0);
}

static void a_damaged_state_is_refused_or_harmless(void) {
  plugin_t plugin = opened("aba");
  plugin_look(&plugin, (const uint8_t *)"aba, ab", 7);
  uint8_t bytes[256];
  state_t saved = {.bytes = bytes, .room = sizeof bytes};
  plugin_save(&plugin, &saved);
  for (size_t place = 0; place < saved.length; place++) {
    for (int value = 0; value < 256; value++) {
      uint8_t before = bytes[place];
      bytes[place] = (uint8_t)value;
      state_t state = {.bytes = bytes, .room = saved.length};
      plugin_t resumed = opened("aba");
      if (plugin_resume(&resumed, &state)) plugin_look(&resumed, (const uint8_t *)"a", 1);
      bytes[place] = before;
    }
  }
  for (size_t length = 0; length < saved.length; length++) {
    state_t state = {.bytes = bytes, .room = length};
    plugin_t resumed = opened("aba");
    assert(!plugin_resume(&resumed, &state) || !state_is_whole(&state));
  }
}

int main(void) {
  the_word_is_found_wherever_it_stands();
  entries_without_it_pass();
  a_damaged_state_is_refused_or_harmless();
  return 0;
}
