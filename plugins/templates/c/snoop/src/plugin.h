#pragma once
#include "../kit/state.h"
#include "../kit/verdict.h"

#define WORD_LENGTH_MAX 1000

// Looks at one entry after another.
typedef struct plugin {
  uint8_t word[WORD_LENGTH_MAX];
  size_t word_length;
  // What is done with an entry that holds the word.
  action_t action;
  // How much of the entry was seen.
  uint64_t offset;
  // The last bytes of it, one less than the word has: it may lie across a border.
  uint8_t tail[WORD_LENGTH_MAX];
  size_t tail_length;
  // Where the word stands.
  uint64_t places[FINDING_COUNT_MAX];
  size_t place_count;
} plugin_t;

// Looks at the next bytes of the entry.
void plugin_look(plugin_t *plugin, const uint8_t *bytes, size_t length);

// Answers at the end of the entry, and makes ready for another.
void plugin_verdict(plugin_t *plugin, verdict_t *verdict);

// Writes all that `plugin_resume` needs in the middle of an entry.
void plugin_save(const plugin_t *plugin, state_t *state);

// Goes on where a saved one stood; false for a state that cannot be.
bool plugin_resume(plugin_t *plugin, state_t *state);
