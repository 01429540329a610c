// A terminal in a container, whose other side is given away.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "executor_steps.h"
#include "kernel.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
enum { DEVPTS_MAGIC = 0x1cd1 };

static int send_descriptor(int socket, int descriptor) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } rights = {{0}};
  char name[] = "/dev/ptmx";  // what others send along, for people
  struct iovec part = {name, sizeof name - 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights.bytes};
  rights.header.cmsg_level = SOL_SOCKET;
  rights.header.cmsg_type = SCM_RIGHTS;
  rights.header.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&rights.header), &descriptor, sizeof descriptor);
  return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int bind_console(int terminal) {
  if (mknod("/dev/console", S_IFREG | 0600, 0) < 0 && errno != EEXIST) return -1;
  int mount = (int)syscall(SYS_open_tree, terminal, "", TREE_CLONE | EMPTY_PATH | O_CLOEXEC);
  if (mount < 0) return -1;
  int result = (int)syscall(SYS_move_mount, mount, "", AT_FDCWD, "/dev/console", MOVE_FROM_EMPTY_PATH);
  int error = errno;
  close(mount);
  errno = error;
  return result;
}

// Both sides come from one descriptor, for whatever else lies in the container's /dev may be its programs'.
int do_terminal(struct state *state, const struct step *step) {
  int ours = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC), unlocked = 0;
  if (ours < 0) return -1;
  struct statfs status;
  int terminal = -1, error = ENODEV;
  if (fstatfs(ours, &status) == 0 && status.f_type == DEVPTS_MAGIC && ioctl(ours, TIOCSPTLCK, &unlocked) == 0)
    terminal = ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct winsize size = {.ws_row = (unsigned short)step->number[3], .ws_col = (unsigned short)step->number[4]};
  if (terminal < 0 || (size.ws_row && ioctl(terminal, TIOCSWINSZ, &size) < 0) ||
      fchown(terminal, step->number[1], step->number[2]) < 0 || ioctl(terminal, TIOCSCTTY, 0) < 0 ||
      (step->number[5] && bind_console(terminal) < 0) || send_descriptor(slot(state, step->number[0]), ours) < 0) {
    if (errno) error = errno;
    close(ours);
    if (terminal >= 0) close(terminal);
    errno = error;
    return -1;
  }
  close(ours);
  for (uint32_t i = 0; i < 3; i++)
    if (keep_descriptor(state, i, fcntl(terminal, F_DUPFD_CLOEXEC, 3)) < 0) return -1;
  return close(terminal);
}
