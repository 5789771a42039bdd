#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_LENGTH_MIN 512
#define PAGE_LENGTH_MAX 1048576

// How long the first block of `bytes` is; 0 where that is not certain yet. With `is_last` the entry
// ends with `bytes`, and 0 makes one block of them all.
size_t plugin_cut(size_t page, const uint8_t *bytes, size_t length, bool is_last);
