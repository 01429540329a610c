// What the agent says to its keeper and to its store's writer goes through these.
#define _GNU_SOURCE
#include <errno.h>
#include <sys/signalfd.h>

#include "CSystem.h"

// Without the handlers that libuv has for a child: in a child's child they close descriptors that have become somebody
// else's. No child of ours uses what its parent had of libuv.
int32_t system_fork(void) {
  pid_t process = _Fork();
  return process < 0 ? -errno : process;
}
int32_t system_parent(void) { return getppid(); }
int32_t system_self(void) { return getpid(); }
void system_exit(int code) { _exit(code); }

int system_signal_descriptor(const int *signals, size_t count) {
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
  if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -errno;
  int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

int system_next_signal(int descriptor) {
  struct signalfd_siginfo info;
  ssize_t count;
  do count = read(descriptor, &info, sizeof info);
  while (count < 0 && errno == EINTR);
  return count == sizeof info ? (int)info.ssi_signo : -EAGAIN;
}

int system_ignore_signal(int number) { return signal(number, SIG_IGN) == SIG_ERR ? -errno : 0; }

int system_unblock_all_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

int system_wait_readable(const int *descriptors, int *readable, size_t count, int timeout_milliseconds) {
  enum { MOST = 8 };
  struct pollfd polled[MOST];
  if (count > MOST) return -EINVAL;
  for (size_t i = 0; i < count; i++) {
    polled[i] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
    readable[i] = 0;
  }
  int found = poll(polled, count, timeout_milliseconds);
  if (found < 0) return errno == EINTR ? 0 : -errno;
  for (size_t i = 0; i < count; i++) readable[i] = polled[i].revents != 0;
  return found;
}

int system_socket_pair(int descriptors[2]) {
  return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, descriptors) < 0 ? -errno : 0;
}

// Room for the descriptors of one message, aligned as a control message header must be.
union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(SYSTEM_MESSAGE_DESCRIPTORS * sizeof(int))];
};

// Whether a call is to be made again: it was interrupted, or is to wait until it can go on. An event loop makes the
// descriptors that it watches non-blocking, so whoever wants to wait polls.
static int again(int socket, short events, int wait) {
  if (errno == EINTR) return 1;
  if (errno != EAGAIN || !wait) return 0;
  struct pollfd polled = {.fd = socket, .events = events};
  return poll(&polled, 1, -1) >= 0 || errno == EINTR;
}

ssize_t system_send_message(int socket, const void *bytes, size_t count, const int *descriptors,
                            size_t descriptor_count, int wait) {
  if (descriptor_count > SYSTEM_MESSAGE_DESCRIPTORS) return -EINVAL;
  union control control = {0};
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (descriptor_count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(descriptor_count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptor_count * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, descriptor_count * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && again(socket, POLLOUT, wait));
  return sent < 0 ? -errno : sent;
}

ssize_t system_receive_message(int socket, void *bytes, size_t capacity, int *descriptors, size_t *descriptor_count,
                               int wait) {
  union control control = {0};
  struct iovec part = {.iov_base = bytes, .iov_len = capacity};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  *descriptor_count = 0;
  ssize_t received;
  do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (received < 0 && again(socket, POLLIN, wait));
  if (received < 0) return -errno;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(descriptors, CMSG_DATA(header), count * sizeof(int));
    *descriptor_count = count;
  }
  return received;
}

ssize_t system_next_message_bytes(int socket) {
  ssize_t count;
  do count = recv(socket, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
  return count < 0 ? -errno : count;
}

int system_end_sending(int socket) { return shutdown(socket, SHUT_WR) < 0 ? -errno : 0; }

int system_wait_message(int socket, int or_room) {
  struct pollfd polled = {.fd = socket, .events = or_room ? POLLIN | POLLOUT : POLLIN};
  return poll(&polled, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}
