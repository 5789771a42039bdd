// Read before every file of the library where it is built for WebAssembly (plugin-build does so).
//
// Addresses have 32 bits there, and registers 64. The library takes the length of registers from
// size_t, and would compare four bytes at once and keep 32 bits of a stream in hand. So its size_t
// has 64 bits, and narrow.c stands between it and callers whose lengths have 32.
#pragma once
// What takes sizes of the machine's own is declared before they change.
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define size_t unsigned long long

#include <zstd.h>

// What Rust calls has another name, which narrow.c knows.
#define WIDE(name) __asm__("wide_" name)
size_t ZSTD_compressBound(size_t) WIDE("ZSTD_compressBound");
size_t ZSTD_CCtx_setParameter(ZSTD_CCtx *, ZSTD_cParameter, int) WIDE("ZSTD_CCtx_setParameter");
size_t ZSTD_compress2(ZSTD_CCtx *, void *, size_t, const void *, size_t) WIDE("ZSTD_compress2");
size_t ZSTD_freeCCtx(ZSTD_CCtx *) WIDE("ZSTD_freeCCtx");
size_t ZSTD_decompressDCtx(ZSTD_DCtx *, void *, size_t, const void *, size_t)
    WIDE("ZSTD_decompressDCtx");
size_t ZSTD_freeDCtx(ZSTD_DCtx *) WIDE("ZSTD_freeDCtx");
unsigned long long ZSTD_getFrameContentSize(const void *, size_t) WIDE("ZSTD_getFrameContentSize");
size_t ZSTD_findFrameCompressedSize(const void *, size_t) WIDE("ZSTD_findFrameCompressedSize");
unsigned ZSTD_isError(size_t) WIDE("ZSTD_isError");
const char *ZSTD_getErrorName(size_t) WIDE("ZSTD_getErrorName");
