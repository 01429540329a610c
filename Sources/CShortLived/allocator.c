// The C library's allocator gives pages back to the kernel as soon as it can and takes them again: a third of the system
// calls of a program that lives for milliseconds. This one keeps what it has. Freed blocks are used again by their size,
// so its memory is bounded by the most that was in use of each size at a time. For programs of one thread.
#ifdef MICROAGENT_EMBEDDED
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
  ALIGNMENT = 16,
  FIRST_BYTES = 1024 * 1024,   // of the program itself; takes no memory until it is touched
  CHUNK_BYTES = 256 * 1024,    // of what is taken from the kernel at a time
  LARGEST_BYTES = 64 * 1024,   // larger ones are the kernel's, each for itself
  CLASSES = 24,                // two for each doubling, up to the largest
  LARGE = CLASSES,
};

struct block {
  union {
    struct block *next;  // while it is free
    size_t bytes;        // while it is used: what fits in it
  };
  uint32_t class;
} __attribute__((aligned(ALIGNMENT)));

static char first[FIRST_BYTES] __attribute__((aligned(ALIGNMENT)));
static char *at = first, *end = first + FIRST_BYTES;
static struct block *free_blocks[CLASSES];

// 32, 48, 64, 96, 128, 192 ...
static size_t bytes_of_class(unsigned class) { return (size_t)(class & 1 ? 48 : 32) << (class >> 1); }

static unsigned class_of(size_t bytes) {
  unsigned class = 0;
  while (bytes_of_class(class) < bytes) class++;
  return class;
}

static void *map(size_t bytes) {
  void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mapped == MAP_FAILED ? NULL : mapped;
}

static struct block *take(size_t bytes) {
  if ((size_t)(end - at) < bytes) {
    char *chunk = map(CHUNK_BYTES);
    if (!chunk) return NULL;
    at = chunk;
    end = chunk + CHUNK_BYTES;
  }
  struct block *block = (struct block *)at;
  at += bytes;
  return block;
}

static struct block *take_large(size_t bytes) {
  if (bytes > PTRDIFF_MAX - sizeof(struct block)) return NULL;
  struct block *block = map(bytes + sizeof *block);
  if (block) *block = (struct block){.bytes = bytes, .class = LARGE};
  return block;
}

void *malloc(size_t bytes) {
  struct block *block;
  if (bytes > LARGEST_BYTES) {
    block = take_large(bytes);
  } else {
    unsigned class = class_of(bytes);
    block = free_blocks[class];
    if (block)
      free_blocks[class] = block->next;
    else
      block = take(sizeof *block + bytes_of_class(class));
    if (block) *block = (struct block){.bytes = bytes_of_class(class), .class = class};
  }
  if (block) return block + 1;
  errno = ENOMEM;
  return NULL;
}

void free(void *memory) {
  if (!memory) return;
  struct block *block = (struct block *)memory - 1;
  if (block->class == LARGE) {
    munmap(block, block->bytes + sizeof *block);
    return;
  }
  block->next = free_blocks[block->class];
  free_blocks[block->class] = block;
}

void *realloc(void *memory, size_t bytes) {
  if (!memory) return malloc(bytes);
  size_t old = ((struct block *)memory - 1)->bytes;
  if (bytes <= old) return memory;
  void *moved = malloc(bytes);
  if (!moved) return NULL;
  memcpy(moved, memory, old);
  free(memory);
  return moved;
}

void *calloc(size_t count, size_t each) {
  size_t bytes;
  if (__builtin_mul_overflow(count, each, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  void *memory = malloc(bytes);
  return memory ? memset(memory, 0, bytes) : NULL;
}

// Nothing asks for more.
void *aligned_alloc(size_t alignment, size_t bytes) {
  if (alignment <= ALIGNMENT) return malloc(bytes);
  errno = ENOMEM;
  return NULL;
}

// What Embedded Swift calls: otherwise small objects would be the pool's (CEmbeddedRuntime), whose `free` is not this one.
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  void *made = aligned_alloc(alignment, bytes);
  if (!made) return ENOMEM;
  *memory = made;
  return 0;
}
#endif
