#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Encodes `input` to `output`, which has room for `plugin_room` bytes; gives how many it wrote.
size_t plugin_encode(size_t shortest, const uint8_t *input, size_t length, uint8_t *output);

// How many bytes an encoded chunk has at most.
size_t plugin_room(size_t length);

// Writes exactly `plain_length` bytes, or gives what is wrong with the input: it may be anything.
const char *plugin_decode(const uint8_t *input, size_t length, uint8_t *output,
                          size_t plain_length);
