// The mounter: a process beside the agent that makes mounts, and hands them to the container's process on a socket: in a
// message of one byte the descriptors, or instead of it the failure.
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "executor_steps.h"

union rights {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(EXECUTOR_SLOTS * sizeof(int))];
};

// A container's process that is gone has told why by itself: that it does not hear is no failure, and no SIGPIPE.
static int tell(int socket, const struct msghdr *message) {
  return sendmsg(socket, message, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET ? -1 : 0;
}

int do_hand_over(struct state *state, const struct step *step) {
  union rights rights = {{0}};
  char byte = 0;
  struct iovec part = {&byte, 1};
  uint32_t count = step->number_count < EXECUTOR_SLOTS ? step->number_count : EXECUTOR_SLOTS;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights};
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  rights.header.cmsg_level = SOL_SOCKET;
  rights.header.cmsg_type = SCM_RIGHTS;
  rights.header.cmsg_len = CMSG_LEN(count * sizeof(int));
  for (uint32_t i = 0; i < count; i++) {
    int descriptor = slot(state, step->numbers[i]);
    memcpy(CMSG_DATA(&rights.header) + i * sizeof(int), &descriptor, sizeof descriptor);
  }
  return tell(state->errors, &message);
}

int do_take_over(struct state *state, const struct step *step) {
  union rights rights = {{0}};
  struct executor_failure failure;
  struct iovec part = {&failure, sizeof failure};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
  ssize_t length;
  do length = recvmsg(slot(state, step->number[0]), &message, MSG_CMSG_CLOEXEC);
  while (length < 0 && errno == EINTR);
  if (length < 0) return -1;
  if (length == sizeof failure) report_failure(state, &failure);
  if (length != 1 || rights.header.cmsg_len != CMSG_LEN((step->number_count - 1) * sizeof(int))) {
    errno = EPIPE;  // the mounter is gone, and could not say why
    return -1;
  }
  for (uint32_t i = 1; i < step->number_count; i++) {
    int descriptor;
    memcpy(&descriptor, CMSG_DATA(&rights.header) + (i - 1) * sizeof(int), sizeof descriptor);
    if (keep_descriptor(state, step->numbers[i], descriptor) < 0) return -1;
  }
  return 0;
}

static _Noreturn void run_mounter(const uint8_t *steps, size_t count, uint32_t first, struct state state) {
  struct executor_failure failure;
  if (run_steps(steps, count, first, &state, &failure) >= 0) _exit(0);
  struct iovec part = {&failure, sizeof failure};
  tell(state.errors, &(struct msghdr){.msg_iov = &part, .msg_iovlen = 1});
  _exit(1);
}

int executor_start_mounter(const uint8_t *steps, size_t count, uint32_t first, int32_t *slots,
                           struct executor_mounter *mounter) {
  int ends[2], pidfd = -1;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
  int process = clone_process(0, -1, &pidfd);
  if (process == 0) {
    close(ends[0]);
    run_mounter(steps, count, first, (struct state){slots, -1, ends[1]});
  }
  int error = process < 0 ? errno : 0;
  close(ends[1]);
  if (error) close(ends[0]);
  *mounter = (struct executor_mounter){process, pidfd, ends[0]};
  return -error;
}
