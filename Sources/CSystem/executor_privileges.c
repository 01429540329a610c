#define _GNU_SOURCE
#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "executor_steps.h"
#include "kernel.h"

int do_limit_capabilities(struct state *state, const struct step *step) {
  uint64_t kept = wide(step, 0);
  for (int i = 0; i <= LAST_CAPABILITY; i++) {
    if (kept >> i & 1 || prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0) continue;
    return errno == EINVAL ? 0 : -1;  // EINVAL: the kernel has no more of them
  }
  return 0;
}

int do_set_capabilities(struct state *state, const struct step *step) {
  struct {
    uint32_t version;
    int process;
  } header = {CAPABILITY_VERSION_3, 0};
  struct {
    uint32_t effective, permitted, inheritable;
  } sets[2];
  for (uint32_t i = 0; i < 2; i++) {
    sets[i].effective = step->number[i];
    sets[i].permitted = step->number[2 + i];
    sets[i].inheritable = step->number[4 + i];
  }
  if (syscall(SYS_capset, &header, sets) < 0) return -1;
  for (unsigned i = 0; i <= LAST_CAPABILITY; i++)
    if (wide(step, 6) >> i & 1 && prctl(PR_CAP_AMBIENT, AMBIENT_RAISE, i, 0, 0) < 0) return -1;
  return 0;
}

int do_user(struct state *state, const struct step *step) {
  uint32_t user = step->number[0];
  if (step->number[1] && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return -1;
  return (int)syscall(CALL_SETRESUID, user, user, user);
}

int set_filter(unsigned flags, const uint32_t *numbers, uint32_t count) {
  struct {
    unsigned short length;
    const void *instructions;
  } program = {(unsigned short)(count / 2), numbers};
  return (int)syscall(SYS_seccomp, SECCOMP_SET_FILTER, flags, &program);
}

int do_seccomp(struct state *state, const struct step *step) {
  (void)state;
  return set_filter(0, step->numbers, step->number_count);
}
