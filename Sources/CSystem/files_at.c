// Files by a name in an open directory: what unpacks strangers' archives walks no paths but beneath its root.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "CSystem.h"
#include "kernel.h"

#define RESULT(call) \
  do { \
    __typeof__(call) result_ = (call); \
    return result_ < 0 ? -errno : result_; \
  } while (0)

// linux/openat2.h
struct open_how {
  uint64_t flags, mode, resolve;
};
enum { NO_OTHER_MOUNTS = 0x01, NO_MAGIC_LINKS = 0x02, IN_ROOT = 0x10 };

int system_open_beneath(int root, const char *path, int flags) {
  struct open_how how = {
      .flags = (uint64_t)(flags | O_CLOEXEC),
      .resolve = NO_OTHER_MOUNTS | NO_MAGIC_LINKS | IN_ROOT,
  };
  long result;
  // EAGAIN: something was renamed meanwhile, elsewhere, and the kernel cannot tell whether a `..` still stays below.
  do result = syscall(SYS_openat2, root, path, &how, sizeof how);
  while (result < 0 && (errno == EINTR || errno == EAGAIN));
  return result < 0 ? -errno : (int)result;
}

int system_mkdirat(int directory, const char *name, unsigned mode) { RESULT(mkdirat(directory, name, mode)); }
int system_mkfifoat(int directory, const char *name, unsigned mode) {
  RESULT(mknodat(directory, name, S_IFIFO | mode, 0));
}
int system_make_whiteout(int directory, const char *name) { RESULT(mknodat(directory, name, S_IFCHR, 0)); }
int system_symlinkat(const char *target, int directory, const char *name) {
  RESULT(symlinkat(target, directory, name));
}
int system_linkat(int from, const char *name, int to, const char *new_name) {
  RESULT(linkat(from, name, to, new_name, 0));
}
int system_unlinkat(int directory, const char *name) { RESULT(unlinkat(directory, name, 0)); }
int system_remove_directory_at(int directory, const char *name) { RESULT(unlinkat(directory, name, AT_REMOVEDIR)); }
int system_rename_new_at(int from, const char *name, int to, const char *new_name) {
  RESULT((int)syscall(SYS_renameat2, from, name, to, new_name, RENAME_NOREPLACE));
}
int system_fchownat(int directory, const char *name, uint32_t user, uint32_t group) {
  RESULT(fchownat(directory, name, user, group, AT_SYMLINK_NOFOLLOW));
}
int system_fchown(int descriptor, uint32_t user, uint32_t group) { RESULT(fchown(descriptor, user, group)); }
int system_fchmod(int descriptor, unsigned mode) { RESULT(fchmod(descriptor, mode)); }
int system_set_attribute(int descriptor, const char *name, const void *value, size_t count) {
  RESULT(fsetxattr(descriptor, name, value, count, 0));
}

// Nobody has a use for the time of the last access: it becomes the same.
int system_set_modified(int descriptor, int64_t seconds, uint32_t nanoseconds) {
  struct timespec time = {(time_t)seconds, (long)nanoseconds};
  RESULT(futimens(descriptor, (struct timespec[2]){time, time}));
}
int system_set_modified_at(int directory, const char *name, int64_t seconds, uint32_t nanoseconds) {
  struct timespec time = {(time_t)seconds, (long)nanoseconds};
  RESULT(utimensat(directory, name, (struct timespec[2]){time, time}, AT_SYMLINK_NOFOLLOW));
}

int system_syncfs(int descriptor) { RESULT(syncfs(descriptor)); }
