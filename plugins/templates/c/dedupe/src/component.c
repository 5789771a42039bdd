// Joins plugin.c to the contract of a dedupe component.

#include "../kit/config.h"
#include "../kit/dedupe.h"
#include "plugin.h"

struct cutter {
  size_t page;
};

cutter_t *cutter_open(text_t config, error_t *error) {
  config_key_t keys[] = {
      {.name = "page", .minimum = PAGE_LENGTH_MIN, .maximum = PAGE_LENGTH_MAX, .value = 65536},
  };
  const char *wrong = config_read(config.ptr, config.len, keys, 1);
  if (wrong != NULL) {
    fail(error, INVALID_CONFIG, wrong);
    return NULL;
  }
  cutter_t *cutter = allocate(sizeof *cutter);
  cutter->page = (size_t)keys[0].value;
  return cutter;
}

void cutter_close(cutter_t *cutter) { free(cutter); }

size_t cutter_block_length_max(const cutter_t *cutter) { return cutter->page; }

size_t cutter_cut(const cutter_t *cutter, const uint8_t *bytes, size_t length, bool is_last) {
  return plugin_cut(cutter->page, bytes, length, is_last);
}
