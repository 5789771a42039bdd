// An allocator and the functions that compilers call: built for the component only.
//
// Blocks are powers of two, each behind a header with its class; freed ones wait in a list of
// their class. A plugin asks for a few large blocks again and again, and for that it is enough.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_LENGTH ((uintptr_t)65536)
#define CLASS_MIN 5
#define CLASS_MAX 30

// Large enough to keep blocks aligned for SIMD.
typedef union header {
  struct {
    uint32_t class;
    union header *next;
  } as;
  uint8_t length[16];
} header_t;

extern uint8_t __heap_base;
static uintptr_t top;
static header_t *waiting[CLASS_MAX + 1];

void *malloc(size_t size) {
  uint32_t class = CLASS_MIN;
  while (((size_t)1 << class) - sizeof(header_t) < size) {
    if (++class > CLASS_MAX) return NULL;
  }
  header_t *block = waiting[class];
  if (block != NULL) {
    waiting[class] = block->as.next;
    return block + 1;
  }
  if (top == 0) top = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
  uintptr_t end = top + ((uintptr_t)1 << class);
  uintptr_t have = __builtin_wasm_memory_size(0) * PAGE_LENGTH;
  if (end < top) return NULL;
  if (end > have) {
    uintptr_t pages = (end - have + PAGE_LENGTH - 1) / PAGE_LENGTH;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return NULL;
  }
  block = (header_t *)top;
  top = end;
  block->as.class = class;
  return block + 1;
}

void free(void *memory) {
  if (memory == NULL) return;
  header_t *block = (header_t *)memory - 1;
  block->as.next = waiting[block->as.class];
  waiting[block->as.class] = block;
}

void *realloc(void *old, size_t size) {
  if (old == NULL) return malloc(size);
  size_t had = ((size_t)1 << ((header_t *)old - 1)->as.class) - sizeof(header_t);
  if (size <= had) return old;
  void *memory = malloc(size);
  if (memory == NULL) return NULL;
  memcpy(memory, old, had);
  free(old);
  return memory;
}

// With -mbulk-memory these become instructions, and no calls of themselves.
void *memcpy(void *restrict to, const void *restrict from, size_t length) {
  __builtin_memcpy(to, from, length);
  return to;
}

void *memmove(void *to, const void *from, size_t length) {
  __builtin_memmove(to, from, length);
  return to;
}

void *memset(void *to, int value, size_t length) {
  __builtin_memset(to, value, length);
  return to;
}

int memcmp(const void *left, const void *right, size_t length) {
  const uint8_t *a = left, *b = right;
  for (size_t place = 0; place < length; place++) {
    if (a[place] != b[place]) return a[place] < b[place] ? -1 : 1;
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != 0) length++;
  return length;
}
