// The functions of the library that Rust calls, with the lengths of 32 bits that it calls them by.
// Here ZSTD_x is the library's wide function, and narrow_x what is called ZSTD_x elsewhere.

typedef uint32_t u32;

// Errors are the last numbers that there are, whatever the length of a number.
static size_t widened(u32 code) { return (size_t)(long long)(int32_t)code; }

#define NARROW(type, name, parameters, call)                                                       \
  type narrow_##name parameters __asm__("ZSTD_" #name);                                            \
  type narrow_##name parameters { return (type)(call); }

NARROW(u32, compressBound, (u32 length), ZSTD_compressBound(length))
NARROW(u32, CCtx_setParameter, (ZSTD_CCtx *context, ZSTD_cParameter parameter, int value),
       ZSTD_CCtx_setParameter(context, parameter, value))
NARROW(u32, compress2,
       (ZSTD_CCtx *context, void *out, u32 room, const void *in, u32 length),
       ZSTD_compress2(context, out, room, in, length))
NARROW(u32, freeCCtx, (ZSTD_CCtx *context), ZSTD_freeCCtx(context))
NARROW(u32, decompressDCtx,
       (ZSTD_DCtx *context, void *out, u32 room, const void *in, u32 length),
       ZSTD_decompressDCtx(context, out, room, in, length))
NARROW(u32, freeDCtx, (ZSTD_DCtx *context), ZSTD_freeDCtx(context))
NARROW(unsigned long long, getFrameContentSize, (const void *in, u32 length),
       ZSTD_getFrameContentSize(in, length))
NARROW(u32, findFrameCompressedSize, (const void *in, u32 length),
       ZSTD_findFrameCompressedSize(in, length))
NARROW(unsigned, isError, (u32 code), ZSTD_isError(widened(code)))
NARROW(const char *, getErrorName, (u32 code), ZSTD_getErrorName(widened(code)))
