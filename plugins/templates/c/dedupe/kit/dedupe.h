// What src/component.c of a dedupe component defines. Change nothing in it.
#pragma once
#include "dedupe_plugin.h"

// Bytes and texts: `ptr` and `len`. They are freed when the call has ended.
typedef dedupe_plugin_list_u8_t bytes_t;
typedef dedupe_plugin_string_t text_t;

#include "contract.h"

// The contract's bound for a block.
#define BLOCK_LENGTH_MAX ((size_t)1 << 20)

// Yours: the configuration. A cut depends on nothing before the block that it ends.
typedef struct cutter cutter_t;

// NULL after `fail`.
cutter_t *cutter_open(text_t config, error_t *error);
void cutter_close(cutter_t *cutter);

// No block is ever longer.
size_t cutter_block_length_max(const cutter_t *cutter);

// How long the first block of `bytes` is, which are never empty; 0 where no cut is certain whatever
// follows. With `is_last` the entry ends with `bytes`, and 0 makes one block of them all.
size_t cutter_cut(const cutter_t *cutter, const uint8_t *bytes, size_t length, bool is_last);
