// Joins plugin.c to the contract of a snoop.

#include "../kit/config.h"
#include "../kit/snoop.h"
#include "plugin.h"

struct inspector {
  plugin_t plugin;
};

inspector_t *inspector_open(text_t config, error_t *error) {
  char word[WORD_LENGTH_MAX + 1] = "CONFIDENTIAL";
  static const char *const actions[] = {"tag", "hold", NULL};
  static const action_t meant[] = {ACTION_TAG, ACTION_HOLD};
  config_key_t keys[] = {
      {.name = "word", .minimum = 1, .maximum = WORD_LENGTH_MAX, .text = word, .value = 12},
      {.name = "action", .choices = actions},
  };
  const char *wrong = config_read(config.ptr, config.len, keys, 2);
  if (wrong != NULL) {
    fail(error, INVALID_CONFIG, wrong);
    return NULL;
  }
  inspector_t *inspector = allocate(sizeof *inspector);
  memset(inspector, 0, sizeof *inspector);
  plugin_t *plugin = &inspector->plugin;
  plugin->word_length = (size_t)keys[0].value;
  memcpy(plugin->word, word, plugin->word_length);
  plugin->action = meant[keys[1].value];
  return inspector;
}

void inspector_close(inspector_t *inspector) { free(inspector); }

void inspector_look(inspector_t *inspector, const uint8_t *bytes, size_t length) {
  plugin_look(&inspector->plugin, bytes, length);
}

void inspector_verdict(inspector_t *inspector, verdict_t *verdict) {
  plugin_verdict(&inspector->plugin, verdict);
}

void inspector_save(const inspector_t *inspector, state_t *state) {
  plugin_save(&inspector->plugin, state);
}

bool inspector_resume(inspector_t *inspector, state_t *state) {
  return plugin_resume(&inspector->plugin, state);
}
