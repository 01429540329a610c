// The steps that only an OCI runtime's plans have.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "executor_steps.h"
#include "kernel.h"

static int set_mount(const struct state *state, const struct step *step) {
  struct mount_attributes change = {
      .set = step->number[1], .clear = step->number[2], .propagation = step->number[3]};
  unsigned flags = step->number[4] ? RECURSIVE : 0;
  if (step->number[0] == EXECUTOR_NO_SLOT)
    return (int)syscall(SYS_mount_setattr, AT_FDCWD, step->text[0], flags, &change, sizeof change);
  int mount = slot(state, step->number[0]);
  return (int)syscall(SYS_mount_setattr, mount, "", flags | EMPTY_PATH, &change, sizeof change);
}

static int make_device(const struct step *step) {
  const uint32_t *number = step->number;
  if (mknod(step->text[0], number[0], makedev(number[1], number[2])) < 0) return errno == EEXIST ? 0 : -1;
  return number[3] || number[4] ? lchown(step->text[0], number[3], number[4]) : 0;
}

static uint64_t pair(const struct step *step, uint32_t index) {
  return index + 1 < step->number_count ? step->numbers[index] | (uint64_t)step->numbers[index + 1] << 32 : 0;
}

// sched_setattr(2), whose structure not every C library has.
static int set_scheduler(const struct step *step) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {
      .size = sizeof attributes, .policy = step->number[0], .flags = step->number[1], .nice = (int32_t)step->number[2],
      .priority = step->number[3], .runtime = pair(step, 4), .deadline = pair(step, 6), .period = pair(step, 8)};
  return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

// A kernel without keyrings has none to hide.
static int new_keyring(void) {
  return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS ? -1 : 0;
}

// A filter may keep this process from looking: then the exec will tell.
static int find_program(const struct step *step) {
  int error = ENOENT;
  const char *path = step->strings;
  for (uint32_t i = 0; i < step->string_count; i++, path += strlen(path) + 1) {
    struct stat status;
    errno = 0;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0) return 0;
    if (errno == EPERM || errno == ENOSYS) return 0;
    if (errno == EACCES) error = EACCES;
  }
  errno = error;
  return -1;
}

static int announce(const struct state *state, char byte) {
  return send(state->control, &byte, 1, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int stand_alone(struct state *state, const struct step *step) {
  int control = slot(state, step->number[0]), errors = slot(state, step->number[1]);
  if (announce(state, 'r') < 0) return -1;
  if (dup3(control, state->control, O_CLOEXEC) < 0) return -1;
  return dup3(errors, state->errors, O_CLOEXEC);
}

static int perform_more(struct state *state, const struct step *step) {
  switch (step->operation) {
    case EXECUTOR_SET_MOUNT: return set_mount(state, step);
    case EXECUTOR_MOUNT_COPY: return do_mount_copy(state, step);
    case EXECUTOR_MAKE_DEVICE: return make_device(step);
    case EXECUTOR_LINK_IF_MISSING: return symlink(step->text[0], step->text[1]) < 0 && errno != EEXIST ? -1 : 0;
    case EXECUTOR_DOMAIN_NAME: return setdomainname(step->text[0], strlen(step->text[0]));
    case EXECUTOR_NEW_KEYRING: return new_keyring();
    case EXECUTOR_PERSONALITY: return personality(step->number[0]) < 0 ? -1 : 0;
    case EXECUTOR_SCHEDULER: return set_scheduler(step);
    case EXECUTOR_IO_PRIORITY: return (int)syscall(SYS_ioprio_set, 1, 0, step->number[0]);
    case EXECUTOR_SECCOMP_FLAGS: return set_filter(step->number[0], step->numbers + 1, step->number_count - 1);
    case EXECUTOR_RUN_HOOK: return do_run_hook(state, step);
    case EXECUTOR_FIND_PROGRAM: return find_program(step);
    case EXECUTOR_ANNOUNCE: return announce(state, (char)step->number[0]);
    case EXECUTOR_STAND_ALONE: return stand_alone(state, step);
    default: errno = ENOSYS; return -1;
  }
}

void executor_enable_runtime(void) { perform_runtime_step = perform_more; }
