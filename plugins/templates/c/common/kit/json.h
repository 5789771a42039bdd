// Takes JSON apart, for config.h. Change nothing in it.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct json_reader {
  const uint8_t *at, *end;
} json_reader_t;

// Spaces and what else may stand between two parts.
static inline void json_skip_space(json_reader_t *reader) {
  while (reader->at < reader->end) {
    uint8_t byte = *reader->at;
    if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r') return;
    reader->at++;
  }
}

static inline bool json_take(json_reader_t *reader, char wanted) {
  json_skip_space(reader);
  if (reader->at == reader->end || *reader->at != (uint8_t)wanted) return false;
  reader->at++;
  return true;
}

static inline bool json_take_hex(json_reader_t *reader, uint32_t *unit) {
  *unit = 0;
  for (int place = 0; place < 4; place++) {
    if (reader->at == reader->end) return false;
    uint8_t byte = *reader->at++, letter = byte | 0x20;
    if (byte >= '0' && byte <= '9') *unit = *unit << 4 | (uint32_t)(byte - '0');
    else if (letter >= 'a' && letter <= 'f') *unit = *unit << 4 | (uint32_t)(letter - 'a' + 10);
    else return false;
  }
  return true;
}

// What stands behind a backslash, as UTF-8; gives how many bytes these are, 0 for none.
static inline size_t json_take_escape(json_reader_t *reader, uint8_t utf8[4]) {
  static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  if (reader->at == reader->end) return 0;
  uint8_t name = *reader->at++;
  for (size_t place = 0; place < sizeof names - 1; place++) {
    if (name != (uint8_t)names[place]) continue;
    utf8[0] = (uint8_t)meant[place];
    return 1;
  }
  uint32_t code, low;
  if (name != 'u' || !json_take_hex(reader, &code)) return 0;
  if (code >= 0xdc00 && code < 0xe000) return 0;
  if (code >= 0xd800 && code < 0xdc00) {
    if (reader->end - reader->at < 2 || reader->at[0] != '\\' || reader->at[1] != 'u') return 0;
    reader->at += 2;
    if (!json_take_hex(reader, &low) || low < 0xdc00 || low >= 0xe000) return 0;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t place = length - 1; place > 0; place--, code >>= 6) {
    utf8[place] = (uint8_t)(0x80 | (code & 0x3f));
  }
  // As many ones as there are bytes, and a zero; a single byte has none.
  utf8[0] = (uint8_t)(length == 1 ? code : (0xf00 >> length) | code);
  return length;
}

// Takes a text; gives how many bytes it has, of which no more than `room` are kept; negative where
// there is none.
static inline int64_t json_take_text(json_reader_t *reader, char *text, size_t room) {
  if (!json_take(reader, '"')) return -1;
  size_t length = 0;
  while (reader->at < reader->end && *reader->at != '"') {
    uint8_t utf8[4] = {*reader->at++};
    // The contract says that it is UTF-8.
    size_t count = utf8[0] < 0x20 ? 0 : utf8[0] == '\\' ? json_take_escape(reader, utf8) : 1;
    if (count == 0) return -1;
    for (size_t place = 0; place < count; place++, length++) {
      if (length < room) text[length] = (char)utf8[place];
    }
  }
  return json_take(reader, '"') ? (int64_t)length : -1;
}

// Takes a whole number; one that is too large for its type becomes `is_huge`.
static inline bool json_take_integer(json_reader_t *reader, int64_t *number, bool *is_huge) {
  bool is_negative = json_take(reader, '-');
  const uint8_t *first = reader->at;
  *number = 0;
  *is_huge = false;
  for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++) {
    if (*number > INT64_MAX / 10 - 1) *is_huge = true;
    if (!*is_huge) *number = *number * 10 + (*reader->at - '0');
  }
  if (is_negative) *number = -*number;
  uint8_t next = reader->at < reader->end ? *reader->at : 0;
  if (next == '.' || next == 'e' || next == 'E') return false;
  return reader->at > first && (*first != '0' || reader->at - first == 1);
}
