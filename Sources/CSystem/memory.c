#include <errno.h>

#include "CSystem.h"

// Where the program's file begins in memory, and where its code ends: set by the linker.
extern const char __executable_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

int system_release_program(void) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = (uintptr_t)__executable_start & ~(page - 1);
  return madvise((void *)start, (uintptr_t)etext - start, MADV_DONTNEED) < 0 ? -errno : 0;
}

// One function, so that nothing but it comes back between the release and the sleep.
int system_wait_quietly(const int *descriptors, int *readable, size_t count, int quiet_milliseconds) {
  int found = system_wait_readable(descriptors, readable, count, quiet_milliseconds);
  if (found != 0) return found;
  system_release_program();
  return system_wait_readable(descriptors, readable, count, -1);
}
