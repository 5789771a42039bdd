// Reads a configuration: an object of whole numbers, texts and choices. Change nothing in it.
#pragma once
#include "json.h"
#include <string.h>

// A key of the configuration. What is written here is in manifest.json, too.
typedef struct config_key {
  const char *name;
  // Bounds of a whole number, or of the length of a text in bytes.
  int64_t minimum, maximum;
  // The number, the length of the text, or the place of the choice: the default before, and what
  // was configured after.
  int64_t value;
  // Where a text goes, with room for `maximum` bytes; NULL for other keys.
  char *text;
  // The words to choose from, with NULL behind them; NULL for other keys.
  const char *const *choices;
  bool is_given;
} config_key_t;

// Of keys and choices.
#define CONFIG_WORD_LENGTH_MAX 64
#define CONFIG_NOT_JSON "the configuration is not JSON"

// What was wrong with the configuration that was read last.
static char config_message[256];

static inline bool config_is(const char *word, const char *text, int64_t length) {
  return (int64_t)strlen(word) == length && memcmp(word, text, (size_t)length) == 0;
}

static inline void config_say(const char *text) {
  size_t said = strlen(config_message), room = sizeof config_message - 1 - said;
  size_t length = strlen(text);
  memcpy(config_message + said, text, length < room ? length : room);
}

static inline void config_say_number(int64_t number) {
  char digits[21] = "", *first = digits + sizeof digits - 1;
  uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
  do *--first = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (number < 0) *--first = '-';
  config_say(first);
}

static inline const char *config_wrong(const config_key_t *key, const char *what) {
  memset(config_message, 0, sizeof config_message);
  config_say(key->name);
  config_say(": ");
  config_say(what);
  return config_message;
}

static inline const char *config_out_of_bounds(const config_key_t *key, const char *what,
                                               const char *unit) {
  config_wrong(key, what);
  config_say(" from ");
  config_say_number(key->minimum);
  config_say(" to ");
  config_say_number(key->maximum);
  config_say(unit);
  return config_message;
}

static inline const char *config_take_number(json_reader_t *reader, config_key_t *key) {
  bool is_huge;
  if (!json_take_integer(reader, &key->value, &is_huge)) {
    return config_wrong(key, "it must be a whole number");
  }
  bool fits = !is_huge && key->value >= key->minimum && key->value <= key->maximum;
  return fits ? NULL : config_out_of_bounds(key, "it must be", "");
}

static inline const char *config_take_text(json_reader_t *reader, config_key_t *key) {
  key->value = json_take_text(reader, key->text, (size_t)key->maximum);
  if (key->value < 0) return config_wrong(key, "it must be text");
  bool fits = key->value >= key->minimum && key->value <= key->maximum;
  return fits ? NULL : config_out_of_bounds(key, "it has", " bytes");
}

static inline const char *config_take_choice(json_reader_t *reader, config_key_t *key) {
  char word[CONFIG_WORD_LENGTH_MAX + 1] = "";
  int64_t length = json_take_text(reader, word, CONFIG_WORD_LENGTH_MAX);
  if (length < 0) return config_wrong(key, "it must be text");
  for (key->value = 0; key->choices[key->value] != NULL; key->value++) {
    if (config_is(key->choices[key->value], word, length)) return NULL;
  }
  config_wrong(key, "it must be one of");
  for (const char *const *choice = key->choices; *choice != NULL; choice++) {
    config_say(choice == key->choices ? " " : ", ");
    config_say(*choice);
  }
  return config_message;
}

static inline const char *config_take_key(json_reader_t *reader, config_key_t *keys, size_t count) {
  char name[CONFIG_WORD_LENGTH_MAX + 1] = "";
  int64_t length = json_take_text(reader, name, CONFIG_WORD_LENGTH_MAX);
  if (length < 0 || !json_take(reader, ':')) return CONFIG_NOT_JSON;
  config_key_t *key = keys, *end = keys + count;
  while (key < end && !config_is(key->name, name, length)) key++;
  if (key == end) {
    // Half a letter would be no text.
    config_key_t unknown = {.name = length > CONFIG_WORD_LENGTH_MAX ? "a key" : name};
    return config_wrong(&unknown, "there is no such key");
  }
  if (key->is_given) return config_wrong(key, "it is given twice");
  key->is_given = true;
  if (key->choices != NULL) return config_take_choice(reader, key);
  return key->text != NULL ? config_take_text(reader, key) : config_take_number(reader, key);
}

// Puts what is configured into `keys`. NULL, or what is wrong with it.
static inline const char *config_read(const uint8_t *json, size_t length, config_key_t *keys,
                                      size_t count) {
  json_reader_t reader = {json, json + length};
  json_skip_space(&reader);
  // Nothing at all is the defaults.
  if (reader.at == reader.end) return NULL;
  if (!json_take(&reader, '{')) return "the configuration: it must be an object";
  bool is_done = json_take(&reader, '}');
  while (!is_done) {
    const char *wrong = config_take_key(&reader, keys, count);
    if (wrong != NULL) return wrong;
    is_done = json_take(&reader, '}');
    if (!is_done && !json_take(&reader, ',')) return CONFIG_NOT_JSON;
  }
  json_skip_space(&reader);
  return reader.at == reader.end ? NULL : CONFIG_NOT_JSON;
}
