#pragma once
#include <stddef.h>
#include <stdint.h>

#define DISTANCE_MAX 4096

// One entry on its way through.
typedef struct plugin {
  size_t distance;
  // The last `distance` plain bytes, in a ring.
  uint8_t before[DISTANCE_MAX];
  size_t next;
} plugin_t;

// Makes differences of the next bytes of the entry, where they lie.
void plugin_apply(plugin_t *plugin, uint8_t *bytes, size_t length);

// Makes the bytes again of which `plugin_apply` made differences.
void plugin_undo(plugin_t *plugin, uint8_t *bytes, size_t length);

// Makes ready for another entry, which knows nothing of this one.
void plugin_restart(plugin_t *plugin);
