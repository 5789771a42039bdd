// Writes and reads what a snoop saves in the middle of an entry. Change nothing in it.
//
// A state may come back damaged, or from another version. Reading goes on after its end with
// zeros, and `state_is_whole` says at last whether all of it was there, and nothing more.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The contract's bound.
#define STATE_LENGTH_MAX ((size_t)1 << 20)

typedef struct state {
  // NULL where it is only counted what a state will need.
  uint8_t *bytes;
  // Of `room` bytes, `length` were written or read.
  size_t length, room;
  bool is_past_end;
} state_t;

// The next bytes of a state, where there are any.
static inline uint8_t *state_next(state_t *state, uint64_t length) {
  if (state->is_past_end || length > state->room - state->length) {
    state->is_past_end = true;
    return NULL;
  }
  uint8_t *next = state->bytes == NULL ? NULL : state->bytes + state->length;
  state->length += (size_t)length;
  return next;
}

static inline void state_put_bytes(state_t *state, const uint8_t *bytes, size_t length) {
  uint8_t *next = state_next(state, length);
  if (next != NULL) memcpy(next, bytes, length);
}

static inline void state_put_integer(state_t *state, uint64_t value) {
  uint8_t bytes[8];
  for (int place = 0; place < 8; place++) bytes[place] = (uint8_t)(value >> 8 * place);
  state_put_bytes(state, bytes, sizeof bytes);
}

static inline void state_take_bytes(state_t *state, uint8_t *bytes, size_t length) {
  uint8_t *next = state_next(state, length);
  if (next != NULL) memcpy(bytes, next, length);
  else memset(bytes, 0, length);
}

static inline uint64_t state_take_integer(state_t *state) {
  uint8_t bytes[8];
  state_take_bytes(state, bytes, sizeof bytes);
  uint64_t value = 0;
  for (int place = 8; place-- > 0;) value = value << 8 | bytes[place];
  return value;
}

static inline bool state_is_whole(const state_t *state) {
  return !state->is_past_end && state->length == state->room;
}
