// Joins plugin.c to the contract of a transform.

#include "../kit/config.h"
#include "../kit/transform.h"
#include "plugin.h"

struct codec {
  size_t shortest;
};

codec_t *codec_open(text_t config, bytes_t key, error_t *error) {
  (void)key;
  config_key_t keys[] = {{.name = "shortest", .minimum = 16, .maximum = 65536, .value = 64}};
  const char *wrong = config_read(config.ptr, config.len, keys, 1);
  if (wrong != NULL) {
    fail(error, INVALID_CONFIG, wrong);
    return NULL;
  }
  codec_t *codec = allocate(sizeof *codec);
  codec->shortest = (size_t)keys[0].value;
  return codec;
}

void codec_close(codec_t *codec) { free(codec); }

bool codec_encode(codec_t *codec, const chunk_t *chunk, bytes_t input, output_t output,
                  error_t *error) {
  (void)chunk, (void)error;
  uint8_t *encoded = allocate(plugin_room(input.len));
  size_t length = plugin_encode(codec->shortest, input.ptr, input.len, encoded);
  output_write(output, encoded, length);
  free(encoded);
  return true;
}

bool codec_decode(codec_t *codec, const chunk_t *chunk, bytes_t input, output_t output,
                  error_t *error) {
  (void)codec;
  uint8_t *plain = allocate(chunk->plain_length);
  const char *wrong = plugin_decode(input.ptr, input.len, plain, chunk->plain_length);
  if (wrong == NULL) output_write(output, plain, chunk->plain_length);
  else fail(error, CORRUPT_INPUT, wrong);
  free(plain);
  return wrong == NULL;
}
