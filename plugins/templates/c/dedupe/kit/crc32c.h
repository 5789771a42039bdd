// CRC-32C (Castagnoli), without the instruction for it that WebAssembly does not have. Change
// nothing in it.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The polynomial with its bits reflected, as the checksum is defined.
#define CRC32C_POLYNOMIAL 0x82f63b78

// What a byte becomes when `index + 1` bytes are taken, itself and zeros after it.
static uint32_t crc32c_tables[8][256];

static inline void crc32c_fill_tables(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t sum = byte;
    for (int bit = 0; bit < 8; bit++) {
      sum = sum >> 1 ^ (CRC32C_POLYNOMIAL & -(sum & 1));
    }
    crc32c_tables[0][byte] = sum;
  }
  for (int index = 1; index < 8; index++) {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t before = crc32c_tables[index - 1][byte];
      crc32c_tables[index][byte] = before >> 8 ^ crc32c_tables[0][before & 255];
    }
  }
}

static inline uint32_t crc32c(const uint8_t *bytes, size_t length) {
  if (crc32c_tables[0][1] == 0) crc32c_fill_tables();
  uint32_t(*tables)[256] = crc32c_tables, sum = ~(uint32_t)0;
  for (; length >= 8; bytes += 8, length -= 8) {
    uint32_t low = sum ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                          (uint32_t)bytes[3] << 24);
    sum = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^
          tables[4][low >> 24] ^ tables[3][bytes[4]] ^ tables[2][bytes[5]] ^
          tables[1][bytes[6]] ^ tables[0][bytes[7]];
  }
  for (; length > 0; bytes++, length--) sum = sum >> 8 ^ tables[0][(sum ^ *bytes) & 255];
  return ~sum;
}
