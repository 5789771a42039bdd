// Finds a word in plain data.

#include "plugin.h"

// The layout of a saved state; one of another number is refused.
#define STATE_VERSION 1

// Looks for the word in `bytes`, which begin at `offset` of the entry.
static void find(plugin_t *plugin, const uint8_t *bytes, size_t length, uint64_t offset) {
  size_t last = plugin->word_length - 1;
  uint8_t first_byte = plugin->word[0], last_byte = plugin->word[last];
  for (size_t end = last; end < length; end++) {
    if (bytes[end] != last_byte || bytes[end - last] != first_byte) continue;
    if (plugin->place_count == FINDING_COUNT_MAX) return;
    if (memcmp(bytes + end - last, plugin->word, last) == 0) {
      plugin->places[plugin->place_count++] = offset + end - last;
    }
  }
}

void plugin_look(plugin_t *plugin, const uint8_t *bytes, size_t length) {
  // The tail, and as much behind it as a word needs that begins there.
  uint8_t border[2 * WORD_LENGTH_MAX];
  size_t rest = plugin->word_length - 1, before = plugin->tail_length;
  size_t head = length < rest ? length : rest;
  memcpy(border, plugin->tail, before);
  memcpy(border + before, bytes, head);
  find(plugin, border, before + head, plugin->offset - before);
  // Words that begin behind the tail.
  find(plugin, bytes, length, plugin->offset);
  plugin->offset += length;
  if (length >= rest) {
    plugin->tail_length = rest;
    memcpy(plugin->tail, bytes + length - rest, rest);
  } else {
    size_t seen = before + length;
    plugin->tail_length = seen < rest ? seen : rest;
    memcpy(plugin->tail, border + seen - plugin->tail_length, plugin->tail_length);
  }
}

void plugin_verdict(plugin_t *plugin, verdict_t *verdict) {
  verdict->action = plugin->place_count > 0 ? plugin->action : ACTION_PASS;
  verdict->count = plugin->place_count;
  for (size_t place = 0; place < plugin->place_count; place++) {
    verdict->findings[place] = (finding_t){
        .name = "word",
        .offset = plugin->places[place],
        .length = (uint32_t)plugin->word_length,
    };
  }
  plugin->offset = 0;
  plugin->tail_length = 0;
  plugin->place_count = 0;
}

void plugin_save(const plugin_t *plugin, state_t *state) {
  state_put_integer(state, STATE_VERSION);
  state_put_integer(state, plugin->offset);
  state_put_integer(state, plugin->tail_length);
  state_put_bytes(state, plugin->tail, plugin->tail_length);
  state_put_integer(state, plugin->place_count);
  for (size_t place = 0; place < plugin->place_count; place++) {
    state_put_integer(state, plugin->places[place]);
  }
}

bool plugin_resume(plugin_t *plugin, state_t *state) {
  if (state_take_integer(state) != STATE_VERSION) return false;
  plugin->offset = state_take_integer(state);
  uint64_t tail_length = state_take_integer(state);
  bool is_possible = plugin->offset < (uint64_t)1 << 60 && tail_length < plugin->word_length &&
                     tail_length <= plugin->offset;
  if (!is_possible) return false;
  plugin->tail_length = (size_t)tail_length;
  state_take_bytes(state, plugin->tail, plugin->tail_length);
  uint64_t place_count = state_take_integer(state);
  if (place_count > FINDING_COUNT_MAX) return false;
  plugin->place_count = (size_t)place_count;
  for (size_t place = 0; place < plugin->place_count; place++) {
    plugin->places[place] = state_take_integer(state);
  }
  return true;
}
