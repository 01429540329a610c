// Terminals: a person's, while it is another one's window, and that other one's size.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "CSystem.h"

static struct termios before;
static int is_raw;

int system_terminal_make_raw(void) {
  static int is_registered;
  struct termios raw;
  if (tcgetattr(0, &before) < 0) return -errno;
  raw = before;
  cfmakeraw(&raw);
  if (tcsetattr(0, TCSANOW, &raw) < 0) return -errno;
  is_raw = 1;
  if (!is_registered) is_registered = atexit(system_terminal_restore) == 0;
  return 0;
}

void system_terminal_restore(void) {
  if (is_raw) tcsetattr(0, TCSANOW, &before);
  is_raw = 0;
}

int system_terminal_follow_size(int terminal) {
  struct winsize size;
  if (ioctl(0, TIOCGWINSZ, &size) < 0) return -errno;
  return ioctl(terminal, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int system_terminal_size(unsigned *rows, unsigned *columns) {
  struct winsize size;
  if (ioctl(0, TIOCGWINSZ, &size) < 0) return -errno;
  *rows = size.ws_row;
  *columns = size.ws_col;
  return 0;
}

int system_terminal_resize(int terminal, unsigned rows, unsigned columns) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  return ioctl(terminal, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int32_t system_copy_input(int to) {
  pid_t process = _Fork();
  if (process != 0) return process < 0 ? -errno : process;
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  system_unblock_all_signals();
  char bytes[4096];
  ssize_t count;
  while ((count = read(0, bytes, sizeof bytes)) > 0)
    for (ssize_t done = 0, written; done < count; done += written)
      if ((written = write(to, bytes + done, (size_t)(count - done))) < 0) _exit(1);
  _exit(0);
}
