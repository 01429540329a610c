#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "CSystem.h"

static int unix_address(const char *path, struct sockaddr_un *address) {
  size_t length = strlen(path);
  if (length == 0) return -ENOENT;
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

// 0 where a socket file may be made or replaced: there is none, or its process is gone and it refuses connections. Files
// of other kinds refuse them, too.
static int check_free(const struct sockaddr_un *address) {
  struct stat status;
  if (lstat(address->sun_path, &status) < 0) return errno == ENOENT ? 0 : -errno;
  if (!S_ISSOCK(status.st_mode)) return -EADDRINUSE;
  int probe = unix_socket();
  if (probe < 0) return probe;
  int refused = connect(probe, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
  close(probe);
  return refused ? 0 : -EADDRINUSE;
}

// The socket gets its name when somebody listens at it, so that from the first agent on whoever looks finds one: at worst
// that of a dead agent, which refuses and so says that it is worth trying again. Until then its name is another one of
// the same length, for a path that fits must go on fitting.
int system_unix_listen(const char *path, unsigned mode, int backlog) {
  struct sockaddr_un address;
  int result = unix_address(path, &address);
  if (result < 0) return result;
  struct sockaddr_un fresh = address;
  char *last = strchr(fresh.sun_path, 0) - 1;
  *last = *last == '~' ? '+' : '~';
  if ((result = check_free(&address)) < 0 || (result = check_free(&fresh)) < 0) return result;
  int made = unix_socket();
  if (made < 0) return made;
  unlink(fresh.sun_path);
  if (bind(made, (struct sockaddr *)&fresh, sizeof fresh) < 0) return give_up(made, errno);
  if (chmod(fresh.sun_path, mode) == 0 && listen(made, backlog) == 0 && rename(fresh.sun_path, path) == 0) return made;
  int error = errno;
  unlink(fresh.sun_path);
  return give_up(made, error);
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

int system_tcp_connect(const struct sockaddr *address) {
  int made = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return -errno;
  // Requests are small and wait for answers: none of them is to wait for more to send.
  int on = 1;
  setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  socklen_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
  if (connect(made, address, length) < 0 && errno != EINPROGRESS) return give_up(made, errno);
  return made;
}

int system_socket_error(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? -errno : -error;
}

int system_set_congestion_control(int socket, const char *name) {
  return setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, strlen(name)) < 0 ? -errno : 0;
}

int system_limit_unsent(int socket, unsigned bytes) {
  return setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes) < 0 ? -errno : 0;
}

int system_has_congestion_control(int socket, const char *name) {
  char found[16] = "";
  socklen_t length = sizeof found - 1;
  return getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, found, &length) == 0 && strcmp(found, name) == 0;
}

int system_peer_credentials(int socket, struct system_peer_credentials *credentials) {
  struct ucred found;
  socklen_t size = sizeof found;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &found, &size) < 0) return -errno;
  *credentials = (struct system_peer_credentials){.process = found.pid, .user = found.uid, .group = found.gid};
  return 0;
}
