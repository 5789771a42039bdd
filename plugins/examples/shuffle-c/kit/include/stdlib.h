// What the bindings need of a C library: there is none in a component.
#pragma once
#include <stddef.h>
void *malloc(size_t size);
void *realloc(void *old, size_t size);
void free(void *block);
#define abort() __builtin_trap()
