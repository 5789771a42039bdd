// Joins plugin.c to the contract of a transform.

#include "../kit/config.h"
#include "../kit/transform.h"
#include "plugin.h"

struct codec {
  size_t width;
};

codec_t *codec_open(text_t config, bytes_t key, error_t *error) {
  (void)key;
  config_key_t keys[] = {{.name = "width", .minimum = 2, .maximum = 16, .value = 4}};
  const char *wrong = config_read(config.ptr, config.len, keys, 1);
  size_t width = (size_t)keys[0].value;
  bool is_power = (width & (width - 1)) == 0;
  if (wrong == NULL && !is_power) wrong = "width: it must be 2, 4, 8 or 16";
  if (wrong != NULL) {
    fail(error, INVALID_CONFIG, wrong);
    return NULL;
  }
  codec_t *codec = allocate(sizeof *codec);
  codec->width = width;
  return codec;
}

void codec_close(codec_t *codec) { free(codec); }

bool codec_encode(codec_t *codec, const chunk_t *chunk, bytes_t input, output_t output,
                  error_t *error) {
  (void)chunk, (void)error;
  uint8_t *shuffled = allocate(input.len);
  plugin_shuffle(codec->width, input.ptr, input.len, shuffled);
  output_write(output, shuffled, input.len);
  free(shuffled);
  return true;
}

bool codec_decode(codec_t *codec, const chunk_t *chunk, bytes_t input, output_t output,
                  error_t *error) {
  if (input.len != chunk->plain_length) {
    fail(error, CORRUPT_INPUT, "it is not as long as the chunk was");
    return false;
  }
  uint8_t *plain = allocate(input.len);
  plugin_unshuffle(codec->width, input.ptr, input.len, plain);
  output_write(output, plain, input.len);
  free(plain);
  return true;
}
