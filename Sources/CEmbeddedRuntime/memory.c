// Embedded Swift asks for each of its objects by `posix_memalign`. musl's costs twice the instructions of its `malloc`, which
// gives memory of the same alignment in almost all cases.
#ifdef MICROAGENT_EMBEDDED
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

// What musl's `malloc` aligns to (mallocng's UNIT).
static const size_t usual_alignment = 16;

int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *made = alignment <= usual_alignment ? malloc(size) : aligned_alloc(alignment, size);
  if (!made) return ENOMEM;
  *memory = made;
  return 0;
}
#endif
