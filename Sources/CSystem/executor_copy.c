// A tmpfs that begins with a copy of what it hides. The tree may be a stranger's: it is walked by descriptors, so that no link
// leads out, and only so deep.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "executor_steps.h"
#include "kernel.h"

enum { DEEPEST = 40, LISTING_BYTES = 2048 };

struct directory_entry {  // the kernel's linux_dirent64
  uint64_t inode;
  int64_t offset;
  unsigned short bytes;
  unsigned char type;
  char name[];
};

static int copy_tree(int from, int to, int depth);

static int close_keeping_error(int descriptor, int result) {
  int error = errno;
  close(descriptor);
  errno = error;
  return result;
}

static int copy_bytes(int from, int to) {
  ssize_t count;
  do count = sendfile(to, from, NULL, 1 << 20);
  while (count > 0 || (count < 0 && errno == EINTR));
  return count < 0 ? -1 : 0;
}

// Changing the owner takes set-user-ID away, so the mode comes after it.
static int copy_attributes(int to, const struct stat *status) {
  if (fchown(to, status->st_uid, status->st_gid) < 0 || fchmod(to, status->st_mode & 07777) < 0) return -1;
  return futimens(to, (struct timespec[]){status->st_atim, status->st_mtim});
}

static int copy_file(int from, int to, const char *name, const struct stat *status) {
  int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (source < 0) return -1;
  int target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), result = -1;
  if (target >= 0) {
    if (copy_bytes(source, target) == 0) result = copy_attributes(target, status);
    result = close_keeping_error(target, result);
  }
  return close_keeping_error(source, result);
}

static int copy_directory(int from, int to, const char *name, const struct stat *status, int depth) {
  int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (source < 0) return -1;
  int target = -1, result = -1;
  if (mkdirat(to, name, 0700) == 0) target = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (target >= 0) {
    if (copy_tree(source, target, depth + 1) == 0) result = copy_attributes(target, status);
    result = close_keeping_error(target, result);
  }
  return close_keeping_error(source, result);
}

static int copy_link(int from, int to, const char *name) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(from, name, target, sizeof target - 1);
  if (length < 0) return -1;
  target[length] = 0;
  return symlinkat(target, to, name);
}

static int copy_entry(int from, int to, const char *name, int depth) {
  struct stat status;
  if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  switch (status.st_mode & S_IFMT) {
    case S_IFREG: return copy_file(from, to, name, &status);
    case S_IFDIR: return copy_directory(from, to, name, &status, depth);
    case S_IFLNK:
      if (copy_link(from, to, name) < 0) return -1;
      break;
    default:
      if (mknodat(to, name, status.st_mode, status.st_rdev) < 0 ||
          fchmodat(to, name, status.st_mode & 07777, 0) < 0)
        return -1;
  }
  return fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW);
}

static int copy_tree(int from, int to, int depth) {
  if (depth > DEEPEST) {
    errno = ELOOP;
    return -1;
  }
  _Alignas(struct directory_entry) char listing[LISTING_BYTES];
  long count;
  while ((count = syscall(SYS_getdents64, from, listing, sizeof listing)) > 0)
    for (long at = 0; at < count;) {
      const struct directory_entry *entry = (const void *)(listing + at);
      at += entry->bytes;
      if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) continue;
      if (copy_entry(from, to, entry->name, depth) < 0) return -1;
    }
  return (int)count;
}

int do_mount_copy(struct state *state, const struct step *step) {
  const char *path = step->text[1];
  int hidden = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (hidden < 0 && errno != ENOENT) return -1;
  if (do_mount(state, step) < 0) return hidden < 0 ? -1 : close_keeping_error(hidden, -1);
  if (hidden < 0) return 0;
  struct stat status;
  int made = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = made < 0 ? -1 : copy_tree(hidden, made, 0);
  // The directory's own mode, too, unless another was asked for.
  if (result == 0 && !strstr(step->text[3], "mode=")) {
    result = fstat(hidden, &status);
    if (result == 0) result = fchmod(made, status.st_mode & 07777);
  }
  if (made >= 0) result = close_keeping_error(made, result);
  return close_keeping_error(hidden, result);
}
