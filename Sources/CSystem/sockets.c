#define _GNU_SOURCE
#include <errno.h>
#include <sys/stat.h>

#include "CSystem.h"

static int unix_address(const char *path, struct sockaddr_un *address) {
  size_t length = strlen(path);
  if (length >= sizeof address->sun_path) return -ENAMETOOLONG;
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  memcpy(address->sun_path, path, length + 1);
  return 0;
}

static int unix_socket(void) {
  int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return made < 0 ? -errno : made;
}

static int give_up(int socket, int error) {
  close(socket);
  return -error;
}

// A socket file that outlived its process refuses connections; only such a one is removed. Files of other kinds refuse
// them, too.
static int remove_stale(const char *path, const struct sockaddr_un *address) {
  struct stat status;
  if (lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode)) return -EADDRINUSE;
  int probe = unix_socket();
  if (probe < 0) return probe;
  int refused = connect(probe, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
  close(probe);
  if (!refused) return -EADDRINUSE;
  return unlink(path) < 0 ? -errno : 0;
}

// Nobody can connect between bind and listen, so the mode is set in time.
int system_unix_listen(const char *path, unsigned mode, int backlog) {
  struct sockaddr_un address;
  int result = unix_address(path, &address);
  if (result < 0) return result;
  int made = unix_socket();
  if (made < 0) return made;
  result = bind(made, (struct sockaddr *)&address, sizeof address);
  if (result < 0 && errno == EADDRINUSE) {
    result = remove_stale(path, &address);
    if (result < 0) return give_up(made, -result);
    result = bind(made, (struct sockaddr *)&address, sizeof address);
  }
  if (result < 0 || chmod(path, mode) < 0 || listen(made, backlog) < 0) return give_up(made, errno);
  return made;
}

// Connecting to a Unix socket is done at once or fails at once (EAGAIN: the listener's queue is full).
int system_unix_connect(const char *path) {
  struct sockaddr_un address;
  int result = unix_address(path, &address);
  if (result < 0) return result;
  int made = unix_socket();
  if (made < 0) return made;
  if (connect(made, (struct sockaddr *)&address, sizeof address) < 0) return give_up(made, errno);
  return made;
}

int system_peer_credentials(int socket, struct system_peer_credentials *credentials) {
  struct ucred found;
  socklen_t size = sizeof found;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &found, &size) < 0) return -errno;
  *credentials = (struct system_peer_credentials){.process = found.pid, .user = found.uid, .group = found.gid};
  return 0;
}

int system_ignore_broken_pipes(void) { return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0; }
