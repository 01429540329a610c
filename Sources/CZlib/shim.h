#include <zlib.h>

// What Swift cannot import: macros with arguments that are some, too.

// Begins to inflate gzip; the window is as large as gzip's is.
static inline int zlib_begin_gunzip(z_stream *stream) {
  return inflateInit2(stream, 16 + MAX_WBITS);
}

// Begins to inflate zlib's own form.
static inline int zlib_begin_inflate(z_stream *stream) {
  return inflateInit(stream);
}
