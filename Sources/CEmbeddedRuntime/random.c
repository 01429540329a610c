// Random bytes for Swift's hash tables, which are seeded once.
#ifdef MICROAGENT_EMBEDDED
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void arc4random_buf(void *buffer, size_t count) {
  char *next = buffer;
  while (count > 0) {
    ssize_t got = getrandom(next, count, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) abort();
    next += got;
    count -= (size_t)got;
  }
}
#endif
