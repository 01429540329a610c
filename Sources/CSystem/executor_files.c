#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "executor_steps.h"

// Puts a new descriptor into a slot; a negative one is passed on as the failure that it is.
int keep_descriptor(struct state *state, uint32_t index, int descriptor) {
  if (descriptor < 0) return -1;
  if (index >= EXECUTOR_SLOTS) {
    close(descriptor);
    errno = EINVAL;
    return -1;
  }
  if (state->slots[index] >= 0) close(state->slots[index]);
  state->slots[index] = descriptor;
  return 0;
}

// One write(2), as kernel files want it; anew where a signal came first, such as that of a mounter's end.
int put_text(int descriptor, const char *string) {
  size_t length = strlen(string);
  ssize_t count;
  do count = write(descriptor, string, length);
  while (count < 0 && errno == EINTR);
  if (count < 0) return -1;
  if ((size_t)count < length) {
    errno = EIO;
    return -1;
  }
  return 0;
}

int put_file(const char *path, const char *string) {
  int descriptor = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);  // see system_open
  if (descriptor < 0) return -1;
  int result = put_text(descriptor, string), error = errno;
  close(descriptor);
  errno = error;
  return result;
}

// Returns where the digits end: at the NUL after them.
char *put_decimal(char *to, unsigned value) {
  char digits[10];
  int count = 0;
  do digits[count++] = (char)('0' + value % 10);
  while (value /= 10);
  while (count > 0) *to++ = digits[--count];
  *to = 0;
  return to;
}

int do_own(struct state *state, const struct step *step) {
  uint32_t user = step->number[1], group = step->number[2];
  if (step->number[0] == EXECUTOR_NO_SLOT) return lchown(step->text[0], user, group);
  return fchown(slot(state, step->number[0]), user, group);
}
