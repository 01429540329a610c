#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "executor_steps.h"
#include "kernel.h"

static const char *null_if_empty(const char *string) { return *string ? string : NULL; }

// Makes a mount's target and the directories above it.
static int make_target(const char *path, int is_directory) {
  char above[4096];
  size_t length = strlen(path);
  if (length >= sizeof above) {
    errno = ENAMETOOLONG;
    return -1;
  }
  for (size_t i = 1; i < length; i++) {
    if (path[i] != '/') continue;
    memcpy(above, path, i);
    above[i] = 0;
    if (mkdir(above, 0755) < 0 && errno != EEXIST) return -1;
  }
  return is_directory ? mkdir(path, 0755) : mknod(path, S_IFREG | 0644, 0);
}

int do_mount(struct state *state, const struct step *step) {
  const char *source = step->text[0], *target = step->text[1];
  const char *type = null_if_empty(step->text[2]), *data = null_if_empty(step->text[3]);
  if (mount(source, target, type, step->number[0], data) == 0) return 0;
  if (errno != ENOENT || !step->number[1] || make_target(target, 1) < 0) return -1;
  return mount(source, target, type, step->number[0], data);
}

static int attach(int from, const char *target) {
  return (int)syscall(SYS_move_mount, from, "", AT_FDCWD, target, MOVE_FROM_EMPTY_PATH);
}

int do_move_mount(struct state *state, const struct step *step) {
  int from = slot(state, step->number[0]);
  const char *target = step->text[0];
  if (attach(from, target) == 0) return 0;
  if (errno != ENOENT || !step->number[1]) return -1;
  struct stat status;
  if (fstat(from, &status) < 0 || make_target(target, S_ISDIR(status.st_mode)) < 0) return -1;
  return attach(from, target);
}

int do_open_tree(struct state *state, const struct step *step) {
  unsigned flags = TREE_CLONE | O_CLOEXEC | (step->number[1] ? RECURSIVE : 0);
  return keep_descriptor(state, step->number[0], (int)syscall(SYS_open_tree, AT_FDCWD, step->text[0], flags));
}

int do_change_mount(struct state *state, const struct step *step) {
  struct mount_attributes change = {.set = step->number[1], .propagation = step->number[2] ? MS_PRIVATE : 0};
  if (step->number[4] != EXECUTOR_NO_SLOT) {
    change.set |= ATTRIBUTE_ID_MAP;
    change.user_namespace = (uint64_t)slot(state, step->number[4]);
  }
  unsigned flags = EMPTY_PATH | (step->number[3] ? RECURSIVE : 0);
  return (int)syscall(SYS_mount_setattr, slot(state, step->number[0]), "", flags, &change, sizeof change);
}

int do_bind_node(struct state *state, const struct step *step) {
  if (mknod(step->text[1], S_IFREG | 0666, 0) < 0 && errno != EEXIST) return -1;
  return mount(step->text[0], step->text[1], NULL, MS_BIND, NULL);
}

int do_mask(struct state *state, const struct step *step) {
  const char *path = step->text[0];
  struct stat status;
  // Looked at first: a mount of /dev/null on a directory fails only after it has waited for RCU.
  if (stat(path, &status) < 0) return errno == ENOENT ? 0 : -1;
  if (!S_ISDIR(status.st_mode)) return mount("/dev/null", path, NULL, MS_BIND, NULL);
  return mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0k,nr_inodes=2");
}

int do_read_only(struct state *state, const struct step *step) {
  const char *path = step->text[0];
  if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) return errno == ENOENT ? 0 : -1;
  if (step->number[0]) {
    struct mount_attributes change = {.set = ATTRIBUTE_READ_ONLY};
    return (int)syscall(SYS_mount_setattr, AT_FDCWD, path, RECURSIVE, &change, sizeof change);
  }
  // Without mount_setattr(2) a remount states all flags anew, and inside a user namespace may leave none out.
  struct statfs status;
  if (statfs(path, &status) < 0) return -1;
  unsigned long kept = (unsigned long)status.f_flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
  if (status.f_flags & STATFS_RELATIME) kept |= MS_RELATIME;  // the one flag whose bit differs
  return mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | kept, NULL);
}
