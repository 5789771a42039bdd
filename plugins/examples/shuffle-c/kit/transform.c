// Joins src/component.c to the bindings of a transform. Change nothing in it.

#include "transform.h"

bool exports_mover_plugin_transform_static_codec_open(
    text_t *config, bytes_t *key, exports_mover_plugin_transform_own_codec_t *codec,
    error_t *error) {
  codec_t *opened = codec_open(*config, *key, error);
  transform_plugin_string_free(config);
  transform_plugin_list_u8_free(key);
  if (opened == NULL) return false;
  *codec = exports_mover_plugin_transform_codec_new((void *)opened);
  return true;
}

void exports_mover_plugin_transform_codec_destructor(
    exports_mover_plugin_transform_codec_t *codec) {
  codec_close((codec_t *)codec);
}

static void end(chunk_t *chunk, bytes_t *input, output_t output) {
  exports_mover_plugin_transform_chunk_info_free(chunk);
  transform_plugin_list_u8_free(input);
  mover_plugin_output_sink_drop_borrow(output);
}

bool exports_mover_plugin_transform_method_codec_encode(
    exports_mover_plugin_transform_codec_t *codec, chunk_t *chunk, bytes_t *input, output_t output,
    error_t *error) {
  bool is_done = codec_encode((codec_t *)codec, chunk, *input, output, error);
  end(chunk, input, output);
  return is_done;
}

bool exports_mover_plugin_transform_method_codec_decode(
    exports_mover_plugin_transform_codec_t *codec, chunk_t *chunk, bytes_t *input, output_t output,
    error_t *error) {
  bool is_done = codec_decode((codec_t *)codec, chunk, *input, output, error);
  end(chunk, input, output);
  return is_done;
}
