#define _GNU_SOURCE
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "CSystem.h"

int system_block_device(int descriptor, uint32_t numbers[2]) {
  struct stat found;
  if (fstat(descriptor, &found) < 0) return -errno;
  if (!S_ISBLK(found.st_mode)) return -ENOTBLK;
  numbers[0] = major(found.st_rdev);
  numbers[1] = minor(found.st_rdev);
  return 0;
}

int64_t system_end_offset(int descriptor) {
  off_t end = lseek(descriptor, 0, SEEK_END);
  return end < 0 ? -errno : end;
}

int system_forget_cached(int descriptor) {
  struct stat found;
  if (fstat(descriptor, &found) < 0) return -errno;
  if (S_ISBLK(found.st_mode)) return ioctl(descriptor, BLKFLSBUF, 0) < 0 ? -errno : 0;
  return -posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
}

int system_reread_partitions(int descriptor) { return ioctl(descriptor, BLKRRPART, 0) < 0 ? -errno : 0; }
