#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "executor_steps.h"
#include "kernel.h"

// Takes the next step off the bytes. False at their end, or where they are no step (then `bad` is set).
static int next(const uint8_t **at, const uint8_t *end, struct step *step, int *bad) {
  uint32_t header[4];
  size_t left = (size_t)(end - *at);
  *bad = 0;
  if (left == 0) return 0;
  *bad = 1;
  if (left < sizeof header) return 0;
  memcpy(header, *at, sizeof header);
  if (header[1] < sizeof header || header[1] > left || header[1] % 4) return 0;
  if (header[2] > (header[1] - sizeof header) / 4) return 0;
  const void *numbers = *at + sizeof header;
  const char *strings = (const char *)numbers + header[2] * 4, *stop = (const char *)*at + header[1];
  *step = (struct step){
      header[0], header[2], header[3], .numbers = numbers, .strings = strings, .text = {"", "", "", ""}};
  memcpy(step->number, numbers, (header[2] < STEP_NUMBERS ? header[2] : STEP_NUMBERS) * 4);
  const char *string = strings;
  for (uint32_t i = 0; i < header[3]; i++) {
    const char *nul = memchr(string, 0, (size_t)(stop - string));
    if (!nul) return 0;
    if (i < STEP_TEXTS) step->text[i] = string;
    string = nul + 1;
  }
  *at += header[1];
  *bad = 0;
  return 1;
}

// A file of that name, such as those that the kernel keeps in a cgroup, is not as good.
static int make_directory(const char *path, mode_t mode) {
  struct stat status;
  if (mkdir(path, mode) == 0) return 0;
  int error = errno;
  if (error == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) return 0;
  errno = error;
  return -1;
}

// Set by executor_enable_runtime.
int (*perform_runtime_step)(struct state *state, const struct step *step);

static int perform(struct state *state, const struct step *step) {
  switch (step->operation) {
    case EXECUTOR_MAKE_DIRECTORY: return make_directory(step->text[0], step->number[0]);
    case EXECUTOR_WRITE_FILE: return put_file(step->text[0], step->text[1]);
    case EXECUTOR_OPEN:
      return keep_descriptor(
          state, step->number[0],
          openat(AT_FDCWD, step->text[0], (int)step->number[1] | O_CLOEXEC, step->number[2]));
    case EXECUTOR_WRITE: return put_text(slot(state, step->number[0]), step->text[0]);
    case EXECUTOR_OWN: return do_own(state, step);
    case EXECUTOR_OPEN_TREE: return do_open_tree(state, step);
    case EXECUTOR_CHANGE_MOUNT: return do_change_mount(state, step);
    case EXECUTOR_OVERLAY: return do_overlay(state, step);
    case EXECUTOR_LIMIT_FILES: return do_limit_files(state, step);
    case EXECUTOR_JOIN_NAMESPACE: return setns(slot(state, step->number[0]), (int)step->number[1]);
    case EXECUTOR_UNSHARE: return unshare((int)step->number[0]);
    case EXECUTOR_WAIT: return do_wait(state, step);
    case EXECUTOR_MOUNT: return do_mount(state, step);
    case EXECUTOR_UNMOUNT: return umount2(step->text[0], (int)step->number[0]);
    case EXECUTOR_MOVE_MOUNT: return do_move_mount(state, step);
    case EXECUTOR_ENTER_DIRECTORY: return fchdir(slot(state, step->number[0]));
    case EXECUTOR_CHANGE_DIRECTORY: return chdir(step->text[0]);
    case EXECUTOR_PIVOT_ROOT: return (int)syscall(SYS_pivot_root, ".", ".");
    case EXECUTOR_CHANGE_ROOT: return chroot(step->text[0]);
    case EXECUTOR_MAKE_NODE: return mknod(step->text[0], step->number[0], makedev(step->number[1], step->number[2]));
    case EXECUTOR_BIND_NODE: return do_bind_node(state, step);
    case EXECUTOR_LINK: return symlink(step->text[0], step->text[1]);
    case EXECUTOR_MASK: return do_mask(state, step);
    case EXECUTOR_READ_ONLY: return do_read_only(state, step);
    case EXECUTOR_LOOPBACK: return do_loopback(state, step);
    case EXECUTOR_HOSTNAME: return sethostname(step->text[0], strlen(step->text[0]));
    case EXECUTOR_LIMIT: return do_limit(state, step);
    case EXECUTOR_NEW_SESSION: return (int)setsid();
    case EXECUTOR_RESET_SIGNALS: return do_reset_signals(state, step);
    case EXECUTOR_STANDARD_STREAMS: return do_standard_streams(state, step);
    case EXECUTOR_CLOSE_OTHERS: return do_close_others(state, step);
    case EXECUTOR_DIE_WITH_PARENT: return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    case EXECUTOR_HIDE: return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    case EXECUTOR_KILL: return kill((pid_t)step->number[0], SIGKILL);
    case EXECUTOR_HAND_OVER: return do_hand_over(state, step);
    case EXECUTOR_TAKE_OVER: return do_take_over(state, step);
    case EXECUTOR_UMASK: return umask(step->number[0]), 0;
    case EXECUTOR_LIMIT_CAPABILITIES: return do_limit_capabilities(state, step);
    case EXECUTOR_GROUPS: return (int)syscall(CALL_SETGROUPS, step->number_count, step->numbers);
    case EXECUTOR_GROUP: return (int)syscall(CALL_SETRESGID, step->number[0], step->number[0], step->number[0]);
    case EXECUTOR_USER: return do_user(state, step);
    case EXECUTOR_SET_CAPABILITIES: return do_set_capabilities(state, step);
    case EXECUTOR_NO_NEW_PRIVILEGES: return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    case EXECUTOR_SECCOMP: return do_seccomp(state, step);
    case EXECUTOR_TERMINAL: return do_terminal(state, step);
    case EXECUTOR_EXECUTE: return do_execute(state, step);
    default:
      if (perform_runtime_step) return perform_runtime_step(state, step);
      errno = ENOSYS;
      return -1;
  }
}

int run_steps(const uint8_t *steps, size_t count, uint32_t first, struct state *state,
              struct executor_failure *failure) {
  const uint8_t *at = steps, *end = steps + count;
  struct step step;
  int bad;
  for (; next(&at, end, &step, &bad); first++) {
    if (perform(state, &step) >= 0) continue;
    *failure = (struct executor_failure){first, errno};
    return -1;
  }
  *failure = (struct executor_failure){first, EBADMSG};
  return bad ? -1 : 0;
}

int executor_perform(const uint8_t *steps, size_t count, int32_t *slots, struct executor_failure *failure) {
  struct state state = {slots, -1, -1};
  return run_steps(steps, count, 0, &state, failure);
}
