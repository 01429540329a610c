#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "executor_steps.h"
#include "kernel.h"

static int configure(int context, const char *key, const char *value) {
  return (int)syscall(SYS_fsconfig, context, CONFIGURE_STRING, key, value, 0);
}

// What fsconfig(2) takes as one string.
enum { LOWER_BYTES = 256 };

// Without an upper directory nothing can be written to it.
static int make_overlay(const char *lower, const struct step *step) {
  int context = (int)syscall(SYS_fsopen, "overlay", CLOSE_ON_EXEC);
  if (context < 0) return -1;
  int made = -1, has_upper = step->string_count > 0;
  if (configure(context, "source", "overlay") == 0 && configure(context, "lowerdir", lower) == 0 &&
      (!has_upper || configure(context, "upperdir", step->text[0]) == 0) &&
      (!has_upper || configure(context, "workdir", step->text[1]) == 0) &&
      (!step->number[1] || syscall(SYS_fsconfig, context, CONFIGURE_FLAG, "volatile", NULL, 0) == 0) &&
      syscall(SYS_fsconfig, context, CONFIGURE_CREATE, NULL, NULL, 0) == 0)
    made = (int)syscall(SYS_fsmount, context, CLOSE_ON_EXEC, 0);
  int error = errno;
  close(context);
  errno = error;
  return made;
}

// The layers' names, from the uppermost to the lowest: their descriptors' numbers below a directory.
static int put_lowers(char lower[LOWER_BYTES], const char *directory, const struct state *state,
                      const struct step *step) {
  char *end = lower;
  for (uint32_t i = 2; i < step->number_count; i++) {
    int layer = slot(state, step->numbers[i]);
    if (layer < 0) {
      errno = EBADF;
      return -1;
    }
    if ((size_t)(end - lower) + strlen(directory) + 12 > LOWER_BYTES) {
      errno = E2BIG;
      return -1;
    }
    if (end > lower) *end++ = ':';
    end = put_decimal(strcpy(end, directory) + strlen(directory), (unsigned)layer);
  }
  *end = 0;
  return 0;
}

// Some kernels (6.1.142 of Debian 12, up to 6.14) take as a layer only what is mounted in the caller's namespace:
// clone_private_mount in fs/namespace.c. There the layers are mounted for this moment where only the mounter sees them,
// over /sys in a mount namespace of its own.
static int make_overlay_of_attached(const struct state *state, const struct step *step) {
  char lower[LOWER_BYTES], place[16] = "/sys/";
  if (put_lowers(lower, place, state, step) < 0) return -1;
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -1;
  if (mount("tmpfs", "/sys", "tmpfs", 0, "size=64k,mode=700") < 0) return -1;
  for (uint32_t i = 2; i < step->number_count; i++) {
    int layer = slot(state, step->numbers[i]);
    *put_decimal(place + 5, (unsigned)layer) = 0;
    if (mkdir(place, 0700) < 0 ||
        syscall(SYS_move_mount, layer, "", AT_FDCWD, place, MOVE_FROM_EMPTY_PATH) < 0)
      return -1;
  }
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
  char lower[LOWER_BYTES];
  // By short names, for all must go into one string.
  if (put_lowers(lower, "", state, step) < 0 || chdir("/proc/self/fd") < 0) return -1;
  int is_volatile = step->number[1] != 0;
  if (is_volatile && remove_volatile_mark(step->text[1]) < 0) return -1;
  int made = make_overlay(lower, step);
  if (made < 0 && errno == EINVAL && (!is_volatile || remove_volatile_mark(step->text[1]) == 0))
    made = make_overlay_of_attached(state, step);
  return keep_descriptor(state, step->number[0], made);
}
