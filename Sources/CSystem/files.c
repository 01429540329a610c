#define _GNU_SOURCE
#include <errno.h>
#include <linux/fs.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "CSystem.h"

// The one way out of every call here.
#define RESULT(call) \
  do { \
    __typeof__(call) result_ = (call); \
    return result_ < 0 ? -errno : result_; \
  } while (0)

// A call that a signal may interrupt before it did anything is made again.
#define RETRY(call) \
  do { \
    __typeof__(call) result_; \
    do result_ = (call); \
    while (result_ < 0 && errno == EINTR); \
    return result_ < 0 ? -errno : result_; \
  } while (0)

// Not open(3): that of musl sets O_CLOEXEC once more by a second call.
int system_open(const char *path, int flags, unsigned mode) { return system_openat(AT_FDCWD, path, flags, mode); }
int system_openat(int directory, const char *path, int flags, unsigned mode) {
  RETRY(openat(directory, path, flags | O_CLOEXEC, mode));
}
int system_close(int descriptor) { RESULT(close(descriptor)); }
int system_close_range(unsigned first, unsigned last) { RESULT((int)syscall(SYS_close_range, first, last, 0)); }
ssize_t system_read(int descriptor, void *buffer, size_t count) { RETRY(read(descriptor, buffer, count)); }
ssize_t system_write(int descriptor, const void *buffer, size_t count) { RETRY(write(descriptor, buffer, count)); }
ssize_t system_pread(int descriptor, void *buffer, size_t count, int64_t offset) {
  RETRY(pread(descriptor, buffer, count, (off_t)offset));
}
ssize_t system_pwrite(int descriptor, const void *buffer, size_t count, int64_t offset) {
  RETRY(pwrite(descriptor, buffer, count, (off_t)offset));
}
ssize_t system_splice(int from, int to, size_t count) {
  RETRY(splice(from, NULL, to, NULL, count, SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
}
int system_pipe_bytes(int pipe) {
  int count = 0;
  return ioctl(pipe, FIONREAD, &count) < 0 ? -errno : count;
}
int system_watchdog_timeout(int device, int seconds) {
  if (ioctl(device, WDIOC_SETTIMEOUT, &seconds) < 0 && ioctl(device, WDIOC_GETTIMEOUT, &seconds) < 0) return -errno;
  return seconds;
}
int system_watchdog_boot_status(int device) {
  int status = 0;
  return ioctl(device, WDIOC_GETBOOTSTATUS, &status) < 0 ? -errno : status;
}
int system_punch_hole(int descriptor, int64_t offset, int64_t length) {
  RETRY(fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length));
}
int system_allocate(int descriptor, int64_t length) { RETRY(fallocate(descriptor, 0, 0, (off_t)length)); }
int system_ftruncate(int descriptor, int64_t length) { RETRY(ftruncate(descriptor, (off_t)length)); }
int system_seek_end(int descriptor) { return lseek(descriptor, 0, SEEK_END) < 0 ? -errno : 0; }
int system_mkdir(const char *path, unsigned mode) { RESULT(mkdir(path, mode)); }
int system_rmdir(const char *path) { RESULT(rmdir(path)); }
int system_unlink(const char *path) { RESULT(unlink(path)); }
int system_rename(const char *from, const char *to) { RESULT(rename(from, to)); }
int system_rename_new(const char *from, const char *to) {
  RESULT((int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE));
}
int system_symlink(const char *target, const char *path) { RESULT(symlink(target, path)); }
int system_chmod(const char *path, unsigned mode) { RESULT(chmod(path, mode)); }
int system_chown(const char *path, uint32_t user, uint32_t group) { RESULT(chown(path, user, group)); }
int system_fsync(int descriptor) { RETRY(fsync(descriptor)); }
int system_lock(int descriptor) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  RETRY(fcntl(descriptor, F_SETLK, &whole));
}

static int describe(int result, const struct stat *from, struct system_file_status *to) {
  if (result < 0) return -errno;
  *to = (struct system_file_status){
      .size_bytes = (uint64_t)from->st_size,
      .inode = from->st_ino,
      .device = from->st_dev,
      .mode = from->st_mode,
      .user = from->st_uid,
      .group = from->st_gid,
      .modified_seconds = from->st_mtim.tv_sec,
      .modified_nanoseconds = (uint32_t)from->st_mtim.tv_nsec,
  };
  return 0;
}

int system_stat(const char *path, struct system_file_status *status) {
  struct stat found;
  return describe(stat(path, &found), &found, status);
}

int system_lstat(const char *path, struct system_file_status *status) {
  struct stat found;
  return describe(lstat(path, &found), &found, status);
}

int system_fstat(int descriptor, struct system_file_status *status) {
  struct stat found;
  return describe(fstat(descriptor, &found), &found, status);
}

int system_fstatat(int directory, const char *name, struct system_file_status *status) {
  struct stat found;
  return describe(fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW), &found, status);
}

long system_readlink(const char *path, char *buffer, size_t capacity) { RESULT(readlink(path, buffer, capacity)); }

int system_statfs(const char *path, struct system_filesystem_status *status) {
  struct statfs found;
  if (statfs(path, &found) < 0) return -errno;
  *status = (struct system_filesystem_status){
      .magic = (uint64_t)found.f_type,
      .free_bytes = (uint64_t)found.f_bavail * (uint64_t)found.f_bsize,
      .total_bytes = (uint64_t)found.f_blocks * (uint64_t)found.f_bsize,
  };
  return 0;
}
