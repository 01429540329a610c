#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "CSystem.h"
#include "kernel.h"

#define RESULT(call) \
  do { \
    __typeof__(call) result_ = (call); \
    return result_ < 0 ? -errno : (int)result_; \
  } while (0)

int system_pipe(int descriptors[2], int nonblocking) {
  RESULT(pipe2(descriptors, O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0)));
}
int system_memfd(const char *name) { RESULT(memfd_create(name, MFD_CLOEXEC)); }
int system_eventfd(void) { RESULT(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }
int system_dup(int descriptor, int at_least) { RESULT(fcntl(descriptor, F_DUPFD_CLOEXEC, at_least)); }

int system_set_nonblocking(int descriptor, int on) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return -errno;
  RESULT(fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

int system_close_from(int first) {
  RESULT(syscall(SYS_close_range, (unsigned)first, ~0U, 0));
}

int system_close_others(int kept) {
  if (kept > 3 && syscall(SYS_close_range, 3u, (unsigned)kept - 1, 0) < 0) return -errno;
  return system_close_from(kept < 3 ? 3 : kept + 1);
}

int system_pidfd_open(int32_t process) { RESULT(syscall(SYS_pidfd_open, process, 0)); }
int system_pidfd_send_signal(int pidfd, int signal) { RESULT(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0)); }
int system_kill(int32_t process, int signal) { RESULT(kill(process, signal)); }
int system_set_child_subreaper(void) { RESULT(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }
int system_set_parent_death_signal(int signal) { RESULT(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)); }
int system_set_process_name(const char *name) { RESULT(prctl(PR_SET_NAME, name, 0, 0, 0)); }

int system_set_umask(unsigned mask) {
  umask((mode_t)mask);
  return 0;
}

int system_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  limit.rlim_cur = limit.rlim_max;
  RESULT(setrlimit(RLIMIT_NOFILE, &limit));
}

int system_wait(int32_t process, int keep, struct system_exit_status *status) {
  siginfo_t info = {0};
  int options = WEXITED | WNOHANG | (keep ? WNOWAIT : 0);
  if (waitid(process == 0 ? P_ALL : P_PID, (id_t)process, &info, options) < 0) return -errno;
  *status = (struct system_exit_status){
      .process = info.si_pid,
      .code = info.si_status,
      .by_signal = info.si_pid != 0 && info.si_code != CLD_EXITED,
  };
  return 0;
}

int system_wait_for_end(int32_t process) {
  pid_t result;
  do result = waitpid(process, NULL, 0);
  while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : 0;
}

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t system_monotonic_time(void) { return nanoseconds(CLOCK_MONOTONIC); }
uint64_t system_wall_time(void) { return nanoseconds(CLOCK_REALTIME); }

const char *system_error_text(int code) { return strerror(code); }

int system_is_kernel_64(void) {
  struct utsname names;
  return uname(&names) == 0 && strcmp(names.machine, "x86_64") == 0;
}

int32_t system_run_program(const char *path, char *const *arguments, char *const *environment, int input) {
  pid_t process = _Fork();
  if (process != 0) return process < 0 ? -errno : process;
  system_unblock_all_signals();
  signal(SIGPIPE, SIG_DFL);
  if (dup2(input, 0) >= 0 && system_close_from(3) >= 0) execve(path, arguments, environment);
  _exit(127);
}
