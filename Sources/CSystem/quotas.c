// Project quotas: the kernel counts what lies below a directory, and refuses more of it than is allowed (quotactl(2),
// project_quota in ext4(5)). A directory's project has a number made of its own inode's, which no other directory there has.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "CSystem.h"
#include "executor_steps.h"
#include "kernel.h"

// Away from the numbers that people give projects.
enum { FIRST_PROJECT = 0x40000000, BLOCK_BYTES = 1024 };

static long quota(int descriptor, unsigned command, uint32_t project, void *data) {
  return syscall(SYS_quotactl_fd, descriptor, command << 8 | PROJECT_QUOTA, project, data);
}

int system_keeps_project_quotas(int descriptor) {
  struct quota_state state = {.version = 1};
  if (quota(descriptor, QUOTA_GET_STATE, 0, &state) < 0) return -errno;
  return (state.flags & PROJECT_QUOTA_ENFORCED) != 0;
}

// Returns 1 if the directory heads its own project, else 0; tells what it would be.
static int heads_project(int directory, struct fsxattr *attributes, uint32_t *project) {
  struct stat status;
  if (fstat(directory, &status) < 0 || ioctl(directory, FS_IOC_FSGETXATTR, attributes) < 0) return -1;
  *project = (uint32_t)status.st_ino ^ FIRST_PROJECT;
  return attributes->fsx_projid == *project && (attributes->fsx_xflags & FS_XFLAG_PROJINHERIT) != 0;
}

static int limit(int directory, uint32_t project, uint64_t bytes, uint64_t files) {
  struct quota_limits limits = {
      .most_blocks = bytes / BLOCK_BYTES, .most_files = files, .valid = QUOTA_BLOCKS_VALID | QUOTA_FILES_VALID};
  return (int)quota(directory, QUOTA_SET, project, &limits);
}

int system_limit_files(int directory, uint64_t bytes, uint64_t files) {
  struct fsxattr attributes;
  uint32_t project;
  int heads = heads_project(directory, &attributes, &project);
  if (heads == 0) errno = ENODATA;
  return heads > 0 && limit(directory, project, bytes, files) == 0 ? 0 : -errno;
}

int system_used_files(int directory, uint64_t *bytes, uint64_t *files) {
  struct fsxattr attributes;
  struct quota_limits found;
  uint32_t project;
  int heads = heads_project(directory, &attributes, &project);
  if (heads == 0) errno = ENODATA;
  if (heads <= 0 || quota(directory, QUOTA_GET, project, &found) < 0) return -errno;
  *bytes = found.bytes;
  *files = found.files;
  return 0;
}

// What is in a directory already when it is to head a project would not be counted, and could not be renamed into what is. So a
// directory with files of an agent's that knew no projects stays as it is.
static int head_project(int directory, const char *child, uint32_t *project) {
  struct fsxattr attributes;
  struct stat status;
  int heads = heads_project(directory, &attributes, project);
  if (heads != 0) return heads;
  if (fstatat(directory, child, &status, AT_SYMLINK_NOFOLLOW) == 0) return 0;
  attributes.fsx_projid = *project;
  attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  return ioctl(directory, FS_IOC_FSSETXATTR, &attributes) < 0 ? -1 : 1;
}

int do_limit_files(struct state *state, const struct step *step) {
  (void)state;
  int directory = openat(AT_FDCWD, step->text[0], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return -1;
  uint32_t project;
  int result = head_project(directory, step->text[1], &project);
  if (result > 0) result = limit(directory, project, wide(step, 0), wide(step, 2));
  int error = errno;
  close(directory);
  errno = error;
  return result;
}
