// What all roles share of the contract. Change nothing in it.
//
// kit/ROLE.h includes it behind the bindings of its role, whose types have the role in their names.
#pragma once
#include <stdlib.h>
#include <string.h>

typedef mover_plugin_types_error_t error_t;

// What kind of thing went wrong.
enum {
  INVALID_CONFIG = MOVER_PLUGIN_TYPES_ERROR_KIND_INVALID_CONFIG,
  CORRUPT_INPUT = MOVER_PLUGIN_TYPES_ERROR_KIND_CORRUPT_INPUT,
  AUTHENTICATION_FAILED = MOVER_PLUGIN_TYPES_ERROR_KIND_AUTHENTICATION_FAILED,
  UNSUPPORTED = MOVER_PLUGIN_TYPES_ERROR_KIND_UNSUPPORTED,
  LIMIT_EXCEEDED = MOVER_PLUGIN_TYPES_ERROR_KIND_LIMIT_EXCEEDED,
  OTHER = MOVER_PLUGIN_TYPES_ERROR_KIND_OTHER,
};

enum {
  DEBUG = MOVER_PLUGIN_LOG_LEVEL_DEBUG,
  INFO = MOVER_PLUGIN_LOG_LEVEL_INFO,
  WARN = MOVER_PLUGIN_LOG_LEVEL_WARN,
  ERROR = MOVER_PLUGIN_LOG_LEVEL_ERROR,
};

// Memory, or a trap: the host drops an instance that needs more than it may have.
static inline void *allocate(size_t length) {
  void *memory = malloc(length);
  if (memory == NULL) abort();
  return memory;
}

// A copy that the bindings free.
static inline text_t text_of(const char *text) {
  text_t copy = {NULL, strlen(text)};
  // Nothing is not freed.
  if (copy.len == 0) return copy;
  copy.ptr = allocate(copy.len);
  memcpy(copy.ptr, text, copy.len);
  return copy;
}

// Fills in an error: one line for a person, lower case, no full stop.
static inline void fail(error_t *error, uint8_t kind, const char *message) {
  error->kind = kind;
  error->message = text_of(message);
}

// Writes a line for the operator.
static inline void log_line(uint8_t level, const char *message) {
  text_t text = {(uint8_t *)message, strlen(message)};
  mover_plugin_log_write(level, &text);
}
