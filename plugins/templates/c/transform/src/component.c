// Joins plugin.c to the contract of a transform.

#include "../kit/config.h"
#include "../kit/transform_plugin.h"
#include "plugin.h"
#include <stdlib.h>

struct exports_mover_plugin_transform_codec_t {
  size_t shortest;
};

static bool fail(exports_mover_plugin_transform_error_t *error, uint8_t kind, const char *message) {
  // The bindings free it: it has to be theirs.
  error->kind = kind;
  error->message.len = strlen(message);
  error->message.ptr = malloc(error->message.len);
  if (error->message.ptr == NULL) abort();
  memcpy(error->message.ptr, message, error->message.len);
  return false;
}

bool exports_mover_plugin_transform_static_codec_open(
    transform_plugin_string_t *config, transform_plugin_list_u8_t *key,
    exports_mover_plugin_transform_own_codec_t *codec, exports_mover_plugin_transform_error_t *error) {
  // As in manifest.json.
  config_key_t keys[] = {{"shortest", 16, 65536, 64}};
  const char *wrong = config_read(config->ptr, config->len, keys, 1);
  transform_plugin_list_u8_free(key);
  free(config->ptr);
  if (wrong != NULL) return fail(error, MOVER_PLUGIN_TYPES_ERROR_KIND_INVALID_CONFIG, wrong);
  exports_mover_plugin_transform_codec_t *opened = malloc(sizeof *opened);
  if (opened == NULL) abort();
  opened->shortest = (size_t)keys[0].value;
  *codec = exports_mover_plugin_transform_codec_new(opened);
  return true;
}

void exports_mover_plugin_transform_codec_destructor(exports_mover_plugin_transform_codec_t *codec) {
  free(codec);
}

static void write(exports_mover_plugin_transform_borrow_sink_t sink, uint8_t *bytes, size_t length) {
  transform_plugin_list_u8_t list = {bytes, length};
  mover_plugin_output_method_sink_write(sink, &list);
}

bool exports_mover_plugin_transform_method_codec_encode(
    exports_mover_plugin_transform_codec_t *codec, exports_mover_plugin_transform_chunk_info_t *chunk,
    transform_plugin_list_u8_t *input, exports_mover_plugin_transform_borrow_sink_t sink,
    exports_mover_plugin_transform_error_t *error) {
  (void)error;
  uint8_t *encoded = malloc(plugin_room(input->len));
  if (encoded == NULL) abort();
  write(sink, encoded, plugin_encode(codec->shortest, input->ptr, input->len, encoded));
  free(encoded);
  transform_plugin_list_u8_free(input);
  exports_mover_plugin_transform_chunk_info_free(chunk);
  mover_plugin_output_sink_drop_borrow(sink);
  return true;
}

bool exports_mover_plugin_transform_method_codec_decode(
    exports_mover_plugin_transform_codec_t *codec, exports_mover_plugin_transform_chunk_info_t *chunk,
    transform_plugin_list_u8_t *input, exports_mover_plugin_transform_borrow_sink_t sink,
    exports_mover_plugin_transform_error_t *error) {
  (void)codec;
  size_t plain_length = chunk->plain_length;
  uint8_t *plain = malloc(plain_length);
  if (plain == NULL) abort();
  const char *wrong = plugin_decode(input->ptr, input->len, plain, plain_length);
  if (wrong == NULL) write(sink, plain, plain_length);
  free(plain);
  transform_plugin_list_u8_free(input);
  exports_mover_plugin_transform_chunk_info_free(chunk);
  mover_plugin_output_sink_drop_borrow(sink);
  return wrong == NULL || fail(error, MOVER_PLUGIN_TYPES_ERROR_KIND_CORRUPT_INPUT, wrong);
}
