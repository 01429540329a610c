#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor_steps.h"
#include "kernel.h"

_Noreturn void report_failure(const struct state *state, const struct executor_failure *failure) {
  ssize_t ignored = write(state->errors, failure, sizeof *failure);  // nobody may be left to hear it
  (void)ignored;
  _exit(EXECUTOR_NEVER_RAN);
}

static _Noreturn void run_child(const uint8_t *steps, size_t count, uint32_t first, struct state state) {
  struct executor_failure failure;
  run_steps(steps, count, first, &state, &failure);
  report_failure(&state, &failure);  // the list ends in exec: whoever arrives here failed
}

static int write_map(int process, const char *file, const char *map) {
  char path[48] = "/proc/";
  char *end = put_decimal(path + strlen(path), (unsigned)process);
  strcpy(end, file);
  return put_file(path, map);
}

static int write_maps(int process, const char *user_map, const char *group_map) {
  return write_map(process, "/uid_map", user_map) < 0 ? -1 : write_map(process, "/gid_map", group_map);
}

int clone_process(uint64_t flags, int cgroup, int *pidfd) {
  struct clone_arguments arguments = {
      .flags = flags | FLAG_PIDFD | FLAG_CLEAR_HANDLERS, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD};
  size_t size = offsetof(struct clone_arguments, cgroup);  // kernels check what they do not know to be 0
  if (cgroup >= 0) {
    arguments.flags |= FLAG_INTO_CGROUP;
    arguments.cgroup = (uint64_t)cgroup;
    size = sizeof arguments;
  }
  return (int)syscall(SYS_clone3, &arguments, size);
}

static void reap(int process) {
  int status;
  while (waitpid(process, &status, __WALL) < 0 && errno == EINTR) {
  }
}

static void close_both(int ends[2]) {
  close(ends[0]);
  close(ends[1]);
}

// A child that is gone has told why on the error pipe: that it does not hear is no failure, and no SIGPIPE.
static int tell(int control, const char *byte) {
  return send(control, byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EPIPE && errno != ECONNRESET ? -errno : 0;
}

int executor_release(int control) { return tell(control, "g"); }

int executor_send(int control, char byte) { return tell(control, &byte); }

int executor_receive(int control) {
  struct pollfd polled = {.fd = control, .events = POLLIN};
  unsigned char byte;
  while (poll(&polled, 1, -1) < 0)
    if (errno != EINTR) return -errno;
  ssize_t count = read(control, &byte, 1);
  if (count < 0) return errno == ECONNRESET ? 0 : -errno;
  return count == 0 ? 0 : byte;
}

// To enter a pid namespace concerns only children to come (setns(2)): the agent enters it for this one, and leaves it. If
// it could not, all that it makes from then on would be in the container: better that its keeper starts another.
static int clone_child(uint64_t namespaces, struct executor_birthplace birthplace, int *pidfd) {
  if (birthplace.process < 0) return clone_process(namespaces, birthplace.cgroup, pidfd);
  int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
  if (own < 0) return -1;
  int entered = setns(birthplace.process, CLONE_NEWPID);
  int process = entered < 0 ? -1 : clone_process(namespaces, birthplace.cgroup, pidfd);
  if (process == 0) return 0;
  int error = errno;
  if (entered == 0 && setns(own, CLONE_NEWPID) < 0) abort();
  close(own);
  errno = error;
  return process;
}

int executor_clone(const uint8_t *steps, size_t count, uint32_t first, int32_t *slots, uint64_t namespaces,
                   struct executor_birthplace birthplace, struct executor_child *child) {
  int control[2], errors[2], pidfd = -1, error;
  // The child's ends get numbers side by side, so that all others are closed by two calls. What a failure takes always fits
  // into the pipe.
  if (pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0) {
    error = errno;
    close_both(errors);
    return -error;
  }
  int process = clone_child(namespaces, birthplace, &pidfd);
  if (process == 0) {
    close(control[1]);  // or the child would never see its end
    run_child(steps, count, first, (struct state){slots, control[0], errors[1]});
  }
  error = process < 0 ? errno : 0;
  close(control[0]);
  close(errors[1]);
  if (process < 0) {
    close(control[1]);
    close(errors[0]);
    return -error;
  }
  *child = (struct executor_child){process, pidfd, control[1], errors[0]};
  return 0;
}

static void end(const struct executor_child *child) {
  kill(child->process, SIGKILL);
  reap(child->process);
  close(child->pidfd);
  close(child->control);
  close(child->errors);
}

int executor_map_ids(const struct executor_child *child, const char *user_map, const char *group_map) {
  int error = write_maps(child->process, user_map, group_map) < 0 ? errno : -tell(child->control, "m");
  if (error) end(child);
  return -error;
}

int executor_user_namespace(const char *user_map, const char *group_map) {
  int hold[2], pidfd = -1;
  if (pipe2(hold, O_CLOEXEC) < 0) return -errno;
  int process = clone_process(FLAG_NEW_USER, -1, &pidfd);
  if (process == 0) {
    char byte;
    close(hold[1]);
    _exit(read(hold[0], &byte, 1) < 0);
  }
  int result = process < 0 ? -errno : 0;
  if (process > 0) {
    char path[48] = "/proc/";
    if (write_maps(process, user_map, group_map) < 0) result = -errno;
    strcpy(put_decimal(path + strlen(path), (unsigned)process), "/ns/user");
    if (result == 0 && (result = open(path, O_RDONLY | O_CLOEXEC)) < 0) result = -errno;
    kill(process, SIGKILL);
    reap(process);
    close(pidfd);
  }
  close_both(hold);
  return result;
}
