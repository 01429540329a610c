#include <zlib.h>

// What Swift cannot import: a macro with an argument that is one, too.

// Begins to inflate gzip; the window is as large as gzip's is.
static inline int zlib_begin_gunzip(z_stream *stream) {
  return inflateInit2(stream, 16 + MAX_WBITS);
}
