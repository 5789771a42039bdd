// What src/component.c of a transform defines. Change nothing in it.
#pragma once
#include "transform_plugin.h"

// Bytes and texts: `ptr` and `len`. They are freed when the call has ended.
typedef transform_plugin_list_u8_t bytes_t;
typedef transform_plugin_string_t text_t;
// `plain_length`, and for those whose manifest says `keyed` or `authenticates`: `nonce`, `binding`.
typedef exports_mover_plugin_transform_chunk_info_t chunk_t;
typedef mover_plugin_output_borrow_sink_t output_t;

#include "contract.h"

// Yours: what is kept from one chunk to the next.
typedef struct codec codec_t;

// NULL after `fail`.
codec_t *codec_open(text_t config, bytes_t key, error_t *error);
void codec_close(codec_t *codec);

// They write to `output`, or return false after `fail`. `input` may be changed.
bool codec_encode(codec_t *codec, const chunk_t *chunk, bytes_t input, output_t output,
                  error_t *error);
bool codec_decode(codec_t *codec, const chunk_t *chunk, bytes_t input, output_t output,
                  error_t *error);

// Appends to what comes out; a few large writes are faster than many small ones.
static inline void output_write(output_t output, const uint8_t *bytes, size_t length) {
  bytes_t list = {(uint8_t *)bytes, length};
  mover_plugin_output_method_sink_write(output, &list);
}
