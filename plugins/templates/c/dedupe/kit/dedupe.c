// Joins src/component.c to the bindings of a dedupe component. Change nothing in it.

#include "dedupe.h"
#include "crc32c.h"

typedef exports_mover_plugin_dedupe_cut_t cut_t;
typedef exports_mover_plugin_dedupe_list_cut_t cuts_t;

bool exports_mover_plugin_dedupe_static_cutter_open(
    text_t *config, exports_mover_plugin_dedupe_own_cutter_t *cutter, error_t *error) {
  cutter_t *opened = cutter_open(*config, error);
  dedupe_plugin_string_free(config);
  if (opened == NULL) return false;
  *cutter = exports_mover_plugin_dedupe_cutter_new((void *)opened);
  return true;
}

void exports_mover_plugin_dedupe_cutter_destructor(exports_mover_plugin_dedupe_cutter_t *cutter) {
  cutter_close((cutter_t *)cutter);
}

uint32_t exports_mover_plugin_dedupe_method_cutter_block_length_max(
    exports_mover_plugin_dedupe_cutter_t *cutter) {
  return (uint32_t)cutter_block_length_max((cutter_t *)cutter);
}

static void append(cuts_t *cuts, size_t *room, cut_t cut) {
  if (cuts->len == *room) {
    *room = *room == 0 ? 64 : 2 * *room;
    cuts->ptr = realloc(cuts->ptr, *room * sizeof cut);
    if (cuts->ptr == NULL) abort();
  }
  cuts->ptr[cuts->len++] = cut;
}

bool exports_mover_plugin_dedupe_method_cutter_cut(exports_mover_plugin_dedupe_cutter_t *self,
                                                   bytes_t *window, dedupe_plugin_list_u32_t *ends,
                                                   cuts_t *cuts, error_t *error) {
  (void)error;
  cutter_t *cutter = (cutter_t *)self;
  size_t most = cutter_block_length_max(cutter), room = 0, start = 0;
  *cuts = (cuts_t){NULL, 0};
  // Once for every end, and once for the bytes behind the last one.
  for (size_t place = 0; place <= ends->len; place++) {
    bool is_last = place < ends->len;
    size_t end = is_last ? ends->ptr[place] : window->len;
    // A bug of the host's.
    if (end < start || end > window->len) abort();
    while (start < end) {
      size_t left = end - start;
      size_t length = cutter_cut(cutter, window->ptr + start, left, is_last);
      if (length == 0 && !is_last) break;
      if (length == 0) length = left;
      // A bug of the cutter's.
      if (length > left || length > most) abort();
      append(cuts, &room, (cut_t){(uint32_t)length, crc32c(window->ptr + start, length)});
      start += length;
    }
  }
  dedupe_plugin_list_u8_free(window);
  dedupe_plugin_list_u32_free(ends);
  return true;
}
