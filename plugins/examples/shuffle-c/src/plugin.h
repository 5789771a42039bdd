#pragma once
#include <stddef.h>
#include <stdint.h>

// Puts the first bytes of all numbers of `width` bytes first, then the second ones, and so on; what
// is left behind the last whole number stays at the end. `output` has room for `length` bytes.
// `width` is 2, 4, 8 or 16.
void plugin_shuffle(size_t width, const uint8_t *input, size_t length, uint8_t *output);

// Puts the bytes back where they were.
void plugin_unshuffle(size_t width, const uint8_t *input, size_t length, uint8_t *output);
