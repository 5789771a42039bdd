// What the kit does without a component around it; check.sh runs it.

#include "../common/kit/config.h"
#include "../dedupe/kit/crc32c.h"
#undef NDEBUG
#include <assert.h>
#include <stdio.h>

static config_key_t keys[3];
static char word[8];

static const char *read_config(const char *json) {
  static const char *const modes[] = {"fast", "small", NULL};
  keys[0] = (config_key_t){.name = "width", .minimum = -5, .maximum = 16, .value = 4};
  keys[1] = (config_key_t){.name = "word", .minimum = 1, .maximum = 7, .text = word, .value = 3};
  keys[2] = (config_key_t){.name = "mode", .choices = modes};
  memcpy(word, "abc", 3);
  return config_read((const uint8_t *)json, strlen(json), keys, 3);
}

static void accepts(const char *json, int64_t width, const char *expect, int64_t mode) {
  const char *wrong = read_config(json);
  if (wrong != NULL) printf("%s: %s\n", json, wrong);
  assert(wrong == NULL && keys[0].value == width && keys[2].value == mode);
  assert(keys[1].value == (int64_t)strlen(expect) && memcmp(word, expect, strlen(expect)) == 0);
}

static void refuses(const char *json, const char *expect) {
  const char *wrong = read_config(json);
  if (wrong == NULL || strcmp(wrong, expect) != 0) printf("%s: %s\n", json, wrong ? wrong : "fits");
  assert(wrong != NULL && strcmp(wrong, expect) == 0);
}

static void what_fits_is_read_and_the_rest_is_as_before(void) {
  accepts("", 4, "abc", 0);
  accepts(" \n", 4, "abc", 0);
  accepts("{}", 4, "abc", 0);
  accepts(" { \"mode\" : \"small\" ,\t\"width\":-5 }\n", -5, "abc", 1);
  accepts("{\"width\":0}", 0, "abc", 0);
  accepts("{\"width\":-0}", 0, "abc", 0);
  accepts("{\"w\\u006frd\":\"\\\"\\\\\\/\\b\\f\\n\\r\"}", 4, "\"\\/\b\f\n\r", 0);
  accepts("{\"word\":\"\\u00e9\\u20AC\"}", 4, "\xc3\xa9\xe2\x82\xac", 0);
  accepts("{\"word\":\"\\uD83D\\ude00\"}", 4, "\xf0\x9f\x98\x80", 0);
  accepts("{\"word\":\"\xe2\x82\xac\"}", 4, "\xe2\x82\xac", 0);
}

static void what_does_not_fit_is_told_by_its_key(void) {
  refuses("{\"width\":17}", "width: it must be from -5 to 16");
  refuses("{\"width\":-6}", "width: it must be from -5 to 16");
  refuses("{\"width\":99999999999999999999}", "width: it must be from -5 to 16");
  refuses("{\"width\":1.5}", "width: it must be a whole number");
  refuses("{\"width\":1e1}", "width: it must be a whole number");
  refuses("{\"width\":01}", "width: it must be a whole number");
  refuses("{\"width\":\"4\"}", "width: it must be a whole number");
  refuses("{\"width\":[4]}", "width: it must be a whole number");
  refuses("{\"width\":4,\"width\":4}", "width: it is given twice");
  refuses("{\"word\":\"\"}", "word: it has from 1 to 7 bytes");
  refuses("{\"word\":\"12345678\"}", "word: it has from 1 to 7 bytes");
  refuses("{\"word\":7}", "word: it must be text");
  refuses("{\"word\":\"\\ud800\"}", "word: it must be text");
  refuses("{\"word\":\"\\udc00\"}", "word: it must be text");
  refuses("{\"word\":\"\\ud800\\u0041\"}", "word: it must be text");
  refuses("{\"word\":\"\\x41\"}", "word: it must be text");
  refuses("{\"word\":\"\\u12", "word: it must be text");
  refuses("{\"word\":\"\n\"}", "word: it must be text");
  refuses("{\"mode\":\"fas\"}", "mode: it must be one of fast, small");
  refuses("{\"mode\":\"fast\\u0000\"}", "mode: it must be one of fast, small");
  refuses("{\"mode\":1}", "mode: it must be text");
  refuses("{\"wid\":4}", "wid: there is no such key");
  refuses("{\"width\\u0000\":4}", "width: there is no such key");
}

static void what_is_no_object_is_refused(void) {
  refuses("7", "the configuration: it must be an object");
  refuses("[", "the configuration: it must be an object");
  refuses("{", CONFIG_NOT_JSON);
  refuses("{,}", CONFIG_NOT_JSON);
  refuses("{\"width\"}", CONFIG_NOT_JSON);
  refuses("{\"width\":4,}", CONFIG_NOT_JSON);
  refuses("{\"width\":4 \"word\":\"a\"}", CONFIG_NOT_JSON);
  refuses("{}{}", CONFIG_NOT_JSON);
}

// A message that ends within a letter is no text, and the host refuses it.
static void a_key_is_told_whole_or_not_at_all(void) {
  char json[512] = "{\"";
  for (int letter = 0; letter < 40; letter++) strcat(json, "\xc3\xa9");
  strcat(json, "\":1}");
  refuses(json, "a key: there is no such key");
}

static uint32_t bit_by_bit(const uint8_t *bytes, size_t length) {
  uint32_t sum = ~(uint32_t)0;
  for (size_t place = 0; place < length; place++) {
    sum ^= bytes[place];
    for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >> 1 ^ CRC32C_POLYNOMIAL : sum >> 1;
  }
  return ~sum;
}

static void checksums_are_those_of_the_standard(void) {
  assert(crc32c((const uint8_t *)"", 0) == 0);
  assert(crc32c((const uint8_t *)"123456789", 9) == 0xe3069283);
  uint8_t bytes[300];
  for (size_t place = 0; place < 300; place++) bytes[place] = (uint8_t)(place * 40503 >> 7);
  for (size_t length = 0; length < sizeof bytes; length++) {
    assert(crc32c(bytes, length) == bit_by_bit(bytes, length));
  }
}

int main(void) {
  what_fits_is_read_and_the_rest_is_as_before();
  what_does_not_fit_is_told_by_its_key();
  what_is_no_object_is_refused();
  a_key_is_told_whole_or_not_at_all();
  checksums_are_those_of_the_standard();
  return 0;
}
