#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <sys/socket.h>
#include <unistd.h>

#include "executor_steps.h"
#include "kernel.h"

int do_loopback(struct state *state, const struct step *step) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0) return -1;
  return ioctl(any, SIOCSIFFLAGS, &request);  // closed with all others before the program
}

int do_limit(struct state *state, const struct step *step) {
  uint64_t limit[2] = {wide(step, 1), wide(step, 3)};
  return (int)syscall(SYS_prlimit64, 0, step->number[0], limit, NULL);
}

// Bit 0 is signal 1. All, where the kernel does not tell.
static uint32_t ignored_signals(void) {
  static const char field[] = "\nSigIgn:\t";
  char text[2048];
  int status = openat(AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (status < 0) return ~0u;
  ssize_t count = read(status, text, sizeof text - 1);
  close(status);
  text[count > 0 ? count : 0] = 0;
  const char *digits = strstr(text, field);
  if (!digits || strlen(digits += sizeof field - 1) < 16) return ~0u;
  uint32_t mask = 0;
  for (int i = 8; i < 16; i++) mask = mask << 4 | (uint32_t)(digits[i] <= '9' ? digits[i] - '0' : digits[i] - 'a' + 10);
  return mask;
}

// The clone took the handlers off; what is ignored is what an exec keeps.
int do_reset_signals(struct state *state, const struct step *step) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  uint32_t ignored = ignored_signals();
  for (int signal = 1; signal < 32; signal++)
    if (ignored >> (signal - 1) & 1 && signal != SIGKILL && signal != SIGSTOP) sigaction(signal, &action, NULL);
  sigset_t none;
  sigemptyset(&none);
  return sigprocmask(SIG_SETMASK, &none, NULL);
}

int do_standard_streams(struct state *state, const struct step *step) {
  int from[3];
  for (uint32_t i = 0; i < 3; i++) {
    from[i] = slot(state, step->number[i]);
    if (from[i] < 0) {
      errno = EBADF;
      return -1;
    }
  }
  // A source that is itself 0, 1 or 2 must be moved out of the way before something lands on it.
  for (int i = 0; i < 3; i++)
    if (from[i] < 3 && from[i] != i && (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3)) < 0) return -1;
  for (int i = 0; i < 3; i++) {
    if (from[i] != i && dup2(from[i], i) < 0) return -1;
    if (from[i] == i && fcntl(i, F_SETFD, 0) < 0) return -1;
  }
  return 0;
}

static int close_between(unsigned first, unsigned last) {
  return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0);
}

// The lowest descriptor from `first` on that is to stay open, or -1.
static int next_kept(const struct state *state, const struct step *step, int first) {
  int lowest = -1;
  for (uint32_t i = 0; i < step->number_count + 2; i++) {
    int kept = i == 0 ? state->control : i == 1 ? state->errors : slot(state, step->numbers[i - 2]);
    if (kept >= first && (lowest < 0 || kept < lowest)) lowest = kept;
  }
  return lowest;
}

int do_close_others(struct state *state, const struct step *step) {
  int first = 3, kept;
  for (; (kept = next_kept(state, step, first)) >= 0; first = kept + 1)
    if (close_between((unsigned)first, (unsigned)kept - 1) < 0) return -1;
  return close_between((unsigned)first, ~0u);
}

int do_wait(struct state *state, const struct step *step) {
  unsigned char byte;
  ssize_t count;
  do count = read(state->control, &byte, 1);
  while (count < 0 && errno == EINTR);
  if (count < 0) return -1;
  if (count == 0) _exit(EXECUTOR_NEVER_RAN);  // the agent gave up, or is gone: so is this
  if (byte == step->number[0]) return 0;
  errno = EPROTO;
  return -1;
}

// Which of the features that this processor lacks a program needs, by what was found when its image was unpacked.
static unsigned needed_features(const char *program, uint32_t lacking) {
  enum { LOADERS = 3 };
  unsigned char needs[256];
  char loader[sizeof needs];
  for (int i = 0; lacking && i < LOADERS; i++) {
    ssize_t count = getxattr(program, EXECUTOR_NEEDS_ATTRIBUTE, needs, sizeof needs - 1);
    if (count < 2) break;
    unsigned needed = (needs[0] | (unsigned)needs[1] << 8) & lacking;
    if (needed || count == 2) return needed;
    needs[count] = 0;
    program = strcpy(loader, (const char *)needs + 2);
  }
  return 0;
}

int do_execute(struct state *state, const struct step *step) {
  uint32_t candidates = step->number[0], arguments = step->number[1], count = step->string_count;
  if (count > EXECUTOR_MAX_STRINGS || candidates > count || arguments > count - candidates) {
    errno = E2BIG;
    return -1;
  }
  const char *vector[EXECUTOR_MAX_STRINGS + 2], *string = step->strings;
  uint32_t environment = candidates + arguments + 1;  // one after the arguments' NULL
  for (uint32_t i = 0; i < count; i++, string += strlen(string) + 1) vector[i + (i >= environment - 1)] = string;
  vector[environment - 1] = vector[count + 1] = NULL;
  int error = ENOENT;
  for (uint32_t i = 0; i < candidates; i++) {
    unsigned needed = needed_features(vector[i], step->number[2]);
    if (needed) {
      errno = EXECUTOR_LACKING | (int)needed;
      return -1;
    }
    execve(vector[i], (char **)(vector + candidates), (char **)(vector + environment));
    if (errno == EACCES) error = EACCES;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return -1;
  }
  errno = error;
  return -1;
}
