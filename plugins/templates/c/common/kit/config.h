// Reads a configuration of whole numbers: {"key": 7, ...}. Change nothing in it.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// A key, its bounds, and its value: the default before, what was configured after.
typedef struct config_key {
  const char *name;
  int64_t minimum, maximum, value;
} config_key_t;

typedef struct config_text {
  const uint8_t *at, *end;
} config_text_t;

static bool config_take(config_text_t *text, char wanted) {
  while (text->at < text->end && (*text->at == ' ' || *text->at == '\t' || *text->at == '\n' || *text->at == '\r')) text->at++;
  if (text->at == text->end || *text->at != (uint8_t)wanted) return false;
  text->at++;
  return true;
}

static bool config_integer(config_text_t *text, int64_t *value) {
  bool is_negative = config_take(text, '-');
  config_take(text, ' ');
  const uint8_t *start = text->at;
  int64_t found = 0;
  while (text->at < text->end && *text->at >= '0' && *text->at <= '9' && text->at - start < 18) {
    found = found * 10 + (*text->at++ - '0');
  }
  *value = is_negative ? -found : found;
  return text->at > start && (*start != '0' || text->at - start == 1);
}

// NULL, or what is wrong with it.
static const char *config_read(const uint8_t *bytes, size_t length, config_key_t *keys, size_t count) {
  config_text_t text = {bytes, bytes + length};
  if (!config_take(&text, '{')) return "the configuration: it is not an object";
  bool is_empty = config_take(&text, '}');
  while (!is_empty) {
    if (!config_take(&text, '"')) return "the configuration is not JSON";
    const uint8_t *name = text.at;
    while (text.at < text.end && *text.at != '"') text.at++;
    size_t name_length = (size_t)(text.at - name);
    if (!config_take(&text, '"') || !config_take(&text, ':')) return "the configuration is not JSON";
    config_key_t *key = NULL;
    for (size_t place = 0; place < count; place++) {
      bool is_it = strlen(keys[place].name) == name_length && memcmp(keys[place].name, name, name_length) == 0;
      if (is_it) key = &keys[place];
    }
    if (key == NULL) return "the configuration has a key that is not known";
    config_take(&text, ' ');
    if (!config_integer(&text, &key->value)) return "the configuration has a value that is no whole number";
    if (key->value < key->minimum || key->value > key->maximum) return "the configuration has a value out of its bounds";
    if (config_take(&text, '}')) break;
    if (!config_take(&text, ',')) return "the configuration has a value that is no whole number";
  }
  config_take(&text, ' ');
  return text.at == text.end ? NULL : "the configuration: there is more than one";
}
