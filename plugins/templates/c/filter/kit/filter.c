// Joins src/component.c to the bindings of a filter. Change nothing in it.

#include "filter.h"

bool exports_mover_plugin_filter_static_rewriter_open(
    text_t *config, uint8_t direction, exports_mover_plugin_filter_own_rewriter_t *rewriter,
    error_t *error) {
  rewriter_t *opened = rewriter_open(*config, (direction_t)direction, error);
  filter_plugin_string_free(config);
  if (opened == NULL) return false;
  *rewriter = exports_mover_plugin_filter_rewriter_new((void *)opened);
  return true;
}

void exports_mover_plugin_filter_rewriter_destructor(
    exports_mover_plugin_filter_rewriter_t *rewriter) {
  rewriter_close((rewriter_t *)rewriter);
}

bool exports_mover_plugin_filter_method_rewriter_next(
    exports_mover_plugin_filter_rewriter_t *rewriter, bytes_t *input, output_t output,
    error_t *error) {
  bool is_done = rewriter_next((rewriter_t *)rewriter, *input, output, error);
  filter_plugin_list_u8_free(input);
  mover_plugin_output_sink_drop_borrow(output);
  return is_done;
}

bool exports_mover_plugin_filter_method_rewriter_finish(
    exports_mover_plugin_filter_rewriter_t *rewriter, output_t output, error_t *error) {
  bool is_done = rewriter_finish((rewriter_t *)rewriter, output, error);
  mover_plugin_output_sink_drop_borrow(output);
  return is_done;
}
