// What a command needs that talks to the agent: waiting for several things at once, and where it stands.
#define _GNU_SOURCE
#include <errno.h>

#include "CSystem.h"

int system_wait_client(int socket, int for_writing, int signals, int output, int input, int timeout_milliseconds) {
  // poll(2) passes over negative descriptors. Errors and hang-ups are told without being asked for: of the output we want
  // nothing else.
  struct pollfd polled[4] = {
      {.fd = socket, .events = for_writing ? POLLOUT : POLLIN},
      {.fd = signals, .events = POLLIN},
      {.fd = output, .events = 0},
      {.fd = input, .events = POLLIN},
  };
  if (poll(polled, 4, timeout_milliseconds) < 0 && errno != EINTR) return -errno;
  return (polled[0].revents ? SYSTEM_SOCKET_READY : 0) | (polled[1].revents ? SYSTEM_SIGNAL_READY : 0) |
         (polled[2].revents ? SYSTEM_OUTPUT_CLOSED : 0) | (polled[3].revents ? SYSTEM_INPUT_READY : 0);
}

int system_is_terminal(int descriptor) { return isatty(descriptor); }

int system_current_directory(char *buffer, size_t capacity) { return getcwd(buffer, capacity) ? 0 : -errno; }

int system_real_path(const char *path, char *buffer, size_t capacity) {
  char *found = realpath(path, NULL);
  if (!found) return -errno;
  size_t count = strlen(found);
  if (count < capacity) memcpy(buffer, found, count + 1);
  free(found);
  return count < capacity ? 0 : -ENAMETOOLONG;
}
