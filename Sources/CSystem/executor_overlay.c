#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "executor_steps.h"
#include "kernel.h"

static int configure(int context, const char *key, const char *value) {
  return (int)syscall(SYS_fsconfig, context, CONFIGURE_STRING, key, value, 0);
}

static int make_overlay(const char *lower, const struct step *step) {
  int context = (int)syscall(SYS_fsopen, "overlay", CLOSE_ON_EXEC);
  if (context < 0) return -1;
  int made = -1;
  if (configure(context, "source", "overlay") == 0 && configure(context, "lowerdir", lower) == 0 &&
      configure(context, "upperdir", step->text[0]) == 0 && configure(context, "workdir", step->text[1]) == 0 &&
      (!step->number[2] || syscall(SYS_fsconfig, context, CONFIGURE_FLAG, "volatile", NULL, 0) == 0) &&
      syscall(SYS_fsconfig, context, CONFIGURE_CREATE, NULL, NULL, 0) == 0)
    made = (int)syscall(SYS_fsmount, context, CLOSE_ON_EXEC, 0);
  int error = errno;
  close(context);
  errno = error;
  return made;
}

// Some kernels (6.1.142 of Debian 12, up to 6.14) take as a layer only what is mounted in the caller's namespace:
// clone_private_mount in fs/namespace.c. There the lower layer is mounted for this moment where only the mounter sees it,
// over /sys in a mount namespace of its own.
static int make_overlay_of_attached(int lower_mount, const char *lower, const struct step *step) {
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -1;
  if (syscall(SYS_move_mount, lower_mount, "", AT_FDCWD, "/sys", MOVE_FROM_EMPTY_PATH) < 0) return -1;
  int made = make_overlay(lower, step), error = errno;
  // A bind of /sys may be the next step.
  if (umount2("/sys", MNT_DETACH) < 0 && made >= 0) {
    close(made);
    return -1;
  }
  errno = error;
  return made;
}

// The kernel marks the work directory of a volatile overlay, also where it then fails, and takes a marked one no more:
// after a power cut it may hold anything. But what this start finds is of an attempt at the same start, whose program
// never ran.
static int remove_volatile_mark(const char *work) {
  static const char *const made[] = {"/work/incompat/volatile/dirty", "/work/incompat/volatile", "/work/incompat"};
  for (unsigned i = 0; i < sizeof made / sizeof *made; i++) {
    char path[PATH_MAX];
    if (strlen(work) + strlen(made[i]) >= sizeof path) {
      errno = ENAMETOOLONG;
      return -1;
    }
    strcat(strcpy(path, work), made[i]);
    if (unlinkat(AT_FDCWD, path, i == 0 ? 0 : AT_REMOVEDIR) < 0 && errno != ENOENT) return -1;
  }
  return 0;
}

void executor_load_overlay(void) {
  int context = (int)syscall(SYS_fsopen, "overlay", CLOSE_ON_EXEC);
  if (context >= 0) close(context);
}

int do_overlay(struct state *state, const struct step *step) {
  char lower[32] = "/proc/self/fd/";
  int lower_mount = slot(state, step->number[1]);
  if (lower_mount < 0) {
    errno = EBADF;
    return -1;
  }
  put_decimal(lower + strlen(lower), (unsigned)lower_mount);
  int is_volatile = step->number[2] != 0;
  if (is_volatile && remove_volatile_mark(step->text[1]) < 0) return -1;
  int made = make_overlay(lower, step);
  if (made < 0 && errno == EINVAL && (!is_volatile || remove_volatile_mark(step->text[1]) == 0))
    made = make_overlay_of_attached(lower_mount, lower, step);
  return keep_descriptor(state, step->number[0], made);
}
