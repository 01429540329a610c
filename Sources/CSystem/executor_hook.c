// Programs of others that the container's process itself runs (OCI's createContainer and startContainer hooks).
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "executor_steps.h"

enum { WAIT_MILLISECONDS = 10 };

static int put_all(int descriptor, const char *text) {
  for (size_t left = strlen(text); left > 0;) {
    ssize_t count = write(descriptor, text, left);
    if (count < 0) return -1;
    text += count;
    left -= (size_t)count;
  }
  return 0;
}

// The container's state, with this process's number as its namespace counts it.
static int open_state(const char *before, const char *after) {
  char number[12];
  put_decimal(number, (unsigned)getpid());
  int state = memfd_create("state", MFD_CLOEXEC);
  if (state < 0) return -1;
  if (put_all(state, before) < 0 || put_all(state, number) < 0 || put_all(state, after) < 0 || lseek(state, 0, SEEK_SET) < 0) {
    close(state);
    return -1;
  }
  return state;
}

static int wait_for(pid_t process, uint32_t timeout_seconds) {
  uint64_t left = (uint64_t)timeout_seconds * 1000 / WAIT_MILLISECONDS;
  const struct timespec moment = {.tv_nsec = WAIT_MILLISECONDS * 1000000};
  int status;
  for (;;) {
    pid_t ended = waitpid(process, &status, timeout_seconds ? WNOHANG : 0);
    if (ended < 0 && errno != EINTR) return -1;
    if (ended > 0) break;
    if (timeout_seconds && left-- == 0) {
      kill(process, SIGKILL);
      waitpid(process, &status, 0);
      errno = ETIMEDOUT;
      return -1;
    }
    if (timeout_seconds) nanosleep(&moment, NULL);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  errno = ECANCELED;
  return -1;
}

int do_run_hook(struct state *state, const struct step *step) {
  (void)state;
  uint32_t arguments = step->number[1], count = step->string_count;
  if (count > EXECUTOR_MAX_STRINGS || count < 3 || arguments > count - 3) {
    errno = E2BIG;
    return -1;
  }
  const char *vector[EXECUTOR_MAX_STRINGS + 2], *string = step->strings;
  for (uint32_t i = 0; i < count; i++, string += strlen(string) + 1) vector[i + (i >= 3 + arguments)] = string;
  vector[3 + arguments] = vector[count + 1] = NULL;
  int input = open_state(vector[1], vector[2]);
  if (input < 0) return -1;
  pid_t process = fork();
  if (process == 0) {
    if (dup2(input, 0) >= 0) execve(vector[0], (char **)(vector + 3), (char **)(vector + 4 + arguments));
    _exit(127);
  }
  int result = process < 0 ? -1 : wait_for(process, step->number[0]), error = errno;
  close(input);
  errno = error;
  return result;
}
