// What src/component.c of a filter defines. Change nothing in it.
#pragma once
#include "filter_plugin.h"

// Bytes and texts: `ptr` and `len`. They are freed when the call has ended.
typedef filter_plugin_list_u8_t bytes_t;
typedef filter_plugin_string_t text_t;
typedef mover_plugin_output_borrow_sink_t output_t;

#include "contract.h"

typedef enum direction {
  // While archiving.
  APPLY = EXPORTS_MOVER_PLUGIN_FILTER_DIRECTION_APPLY,
  // While restoring.
  UNDO = EXPORTS_MOVER_PLUGIN_FILTER_DIRECTION_UNDO,
} direction_t;

// Yours: one entry on its way through.
typedef struct rewriter rewriter_t;

// NULL after `fail`.
rewriter_t *rewriter_open(text_t config, direction_t direction, error_t *error);
void rewriter_close(rewriter_t *rewriter);

// Takes the next bytes of the entry, which may be changed, and writes what can be written; false
// after `fail`.
bool rewriter_next(rewriter_t *rewriter, bytes_t input, output_t output, error_t *error);

// The entry has ended: writes the rest, and makes ready for another entry; false after `fail`.
bool rewriter_finish(rewriter_t *rewriter, output_t output, error_t *error);

// Appends to what comes out; a few large writes are faster than many small ones.
static inline void output_write(output_t output, const uint8_t *bytes, size_t length) {
  bytes_t list = {(uint8_t *)bytes, length};
  mover_plugin_output_method_sink_write(output, &list);
}
