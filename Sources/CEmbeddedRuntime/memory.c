// Memory for Embedded Swift's objects, each of which it asks for by `posix_memalign` and gives back by `free`. Small ones
// live in a pool, as musl's allocator takes some 430 instructions for the life of one, a third of what a CoAP request costs
// a board; the pool takes a tenth of that. All others, and those for which the pool has no room, are musl's.
//
// For one thread, as the programs have no other. A program may bring an allocator of its own instead: it defines both.
#ifdef MICROAGENT_EMBEDDED
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

// What musl's `malloc` aligns to (mallocng's UNIT), and the pool.
enum { usual_alignment = 16 };
enum { largest_size = 256, sizes = largest_size / usual_alignment };
// A page holds slots of one size, and keeps it for good. Only pages that were needed take memory.
enum { page_bytes = 1024, pages = 96 };

struct slot {
  struct slot *next;
};

static _Alignas(4096) unsigned char pool[pages][page_bytes];
// The size of each page's slots in units of the alignment, less one.
static unsigned char size_of_page[pages];
static size_t pages_used;
static struct slot *free_slots[sizes];

// musl's own, under the name that `free` has for it.
void __libc_free(void *);

// Cuts another page into free slots of a size, unless all are used.
static void add_page(size_t size) {
  if (pages_used == pages) return;
  unsigned char *page = pool[pages_used];
  size_of_page[pages_used++] = (unsigned char)size;
  size_t bytes = (size + 1) * usual_alignment;
  for (size_t end = bytes; end <= page_bytes; end += bytes) {
    struct slot *slot = (struct slot *)(page + end - bytes);
    slot->next = free_slots[size];
    free_slots[size] = slot;
  }
}

static void *take_slot(size_t size) {
  if (!free_slots[size]) add_page(size);
  struct slot *slot = free_slots[size];
  if (slot) free_slots[size] = slot->next;
  return slot;
}

__attribute__((weak)) int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *made = NULL;
  if (size - 1 < largest_size && alignment <= usual_alignment) made = take_slot((size - 1) / usual_alignment);
  if (!made) made = alignment <= usual_alignment ? malloc(size) : aligned_alloc(alignment, size);
  if (!made) return ENOMEM;
  *memory = made;
  return 0;
}

__attribute__((weak)) void free(void *memory) {
  size_t offset = (size_t)((unsigned char *)memory - pool[0]);
  if (offset >= sizeof pool) {
    __libc_free(memory);
    return;
  }
  struct slot *slot = memory;
  size_t size = size_of_page[offset / page_bytes];
  slot->next = free_slots[size];
  free_slots[size] = slot;
}
#endif
