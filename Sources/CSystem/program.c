#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "CSystem.h"
#include "kernel.h"

static const char own_program[] = "/proc/self/exe";

int system_program_is_unwritable(void) {
  struct statvfs status;
  return statvfs(own_program, &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
}

int system_run_unwritable(char *const *arguments) {
  struct mount_attributes read_only = {.set = ATTRIBUTE_READ_ONLY};
  int mount = (int)syscall(SYS_open_tree, AT_FDCWD, own_program, TREE_CLONE | O_CLOEXEC);
  if (mount < 0) return -errno;
  if (syscall(SYS_mount_setattr, mount, "", EMPTY_PATH, &read_only, sizeof read_only) == 0)
    syscall(SYS_execveat, mount, "", arguments, environ, EMPTY_PATH);
  int error = errno;
  close(mount);
  return -error;
}
