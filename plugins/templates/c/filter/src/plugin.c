// Keeps the difference of each byte to one before it, which compresses better where data is
// numbers or pixels.

#include "plugin.h"
#include <string.h>

void plugin_apply(plugin_t *plugin, uint8_t *bytes, size_t length) {
  uint8_t *before = plugin->before;
  size_t distance = plugin->distance, next = plugin->next;
  for (size_t place = 0; place < length; place++) {
    uint8_t plain = bytes[place];
    bytes[place] = (uint8_t)(plain - before[next]);
    before[next] = plain;
    if (++next == distance) next = 0;
  }
  plugin->next = next;
}

void plugin_undo(plugin_t *plugin, uint8_t *bytes, size_t length) {
  uint8_t *before = plugin->before;
  size_t distance = plugin->distance, next = plugin->next;
  for (size_t place = 0; place < length; place++) {
    before[next] = (uint8_t)(before[next] + bytes[place]);
    bytes[place] = before[next];
    if (++next == distance) next = 0;
  }
  plugin->next = next;
}

void plugin_restart(plugin_t *plugin) {
  memset(plugin->before, 0, sizeof plugin->before);
  plugin->next = 0;
}
