// Joins plugin.c to the contract of a filter.

#include "../kit/config.h"
#include "../kit/filter.h"
#include "plugin.h"

struct rewriter {
  direction_t direction;
  plugin_t plugin;
};

rewriter_t *rewriter_open(text_t config, direction_t direction, error_t *error) {
  config_key_t keys[] = {{.name = "distance", .minimum = 1, .maximum = DISTANCE_MAX, .value = 1}};
  const char *wrong = config_read(config.ptr, config.len, keys, 1);
  if (wrong != NULL) {
    fail(error, INVALID_CONFIG, wrong);
    return NULL;
  }
  rewriter_t *rewriter = allocate(sizeof *rewriter);
  rewriter->direction = direction;
  rewriter->plugin.distance = (size_t)keys[0].value;
  plugin_restart(&rewriter->plugin);
  return rewriter;
}

void rewriter_close(rewriter_t *rewriter) { free(rewriter); }

bool rewriter_next(rewriter_t *rewriter, bytes_t input, output_t output, error_t *error) {
  (void)error;
  if (rewriter->direction == APPLY) plugin_apply(&rewriter->plugin, input.ptr, input.len);
  else plugin_undo(&rewriter->plugin, input.ptr, input.len);
  output_write(output, input.ptr, input.len);
  return true;
}

bool rewriter_finish(rewriter_t *rewriter, output_t output, error_t *error) {
  // Nothing was kept back.
  (void)output, (void)error;
  plugin_restart(&rewriter->plugin);
  return true;
}
