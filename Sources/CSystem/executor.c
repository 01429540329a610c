#define _GNU_SOURCE
#include "executor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// The C library may be older than the kernel, and its headers and the kernel's do not mix: what follows is the kernel's
// interface, which does not change. Raw calls also leave out what a C library adds for threads (setresuid(3) would
// signal threads that the child does not have).
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifdef SYS_setresuid32
#define CALL_SETRESUID SYS_setresuid32
#define CALL_SETRESGID SYS_setresgid32
#define CALL_SETGROUPS SYS_setgroups32
#else
#define CALL_SETRESUID SYS_setresuid
#define CALL_SETRESGID SYS_setresgid
#define CALL_SETGROUPS SYS_setgroups
#endif
enum {
  TREE_CLONE = 1,
  RECURSIVE = 0x8000,
  EMPTY_PATH = 0x1000,
  MOVE_FROM_EMPTY_PATH = 4,
  CLOSE_ON_EXEC = 1,  // FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC
  CONFIGURE_FLAG = 0,
  CONFIGURE_STRING = 1,
  CONFIGURE_CREATE = 6,
  ATTRIBUTE_READ_ONLY = 1,
  ATTRIBUTE_ID_MAP = 0x100000,
  CAPABILITY_VERSION_3 = 0x20080522,
  LAST_CAPABILITY = 63,
  AMBIENT_RAISE = 2,
  SECCOMP_SET_FILTER = 1,
};
struct mount_attributes {
  uint64_t set, clear, propagation, user_namespace;
};
struct clone_arguments {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
#define FLAG_PIDFD 0x1000ull
#define FLAG_CLEAR_HANDLERS 0x100000000ull
#define FLAG_INTO_CGROUP 0x200000000ull
#define FLAG_NEW_USER 0x10000000ull

struct step {
  uint32_t operation, number_count, string_count;
  const uint32_t *numbers;
  const char *strings;
};
struct state {
  int32_t *slots;
  int control, errors;  // the child's ends; -1 in the agent
};

// What is missing reads as 0 or "": a bad list fails in the kernel, it does not reach outside itself.
static uint32_t number(const struct step *step, uint32_t index) {
  return index < step->number_count ? step->numbers[index] : 0;
}
static uint64_t wide(const struct step *step, uint32_t index) {
  return number(step, index) | (uint64_t)number(step, index + 1) << 32;
}
static const char *text(const struct step *step, uint32_t index) {
  const char *string = step->strings;
  if (index >= step->string_count) return "";
  while (index-- > 0) string += strlen(string) + 1;
  return string;
}
static const char *text_or_null(const struct step *step, uint32_t index) {
  const char *string = text(step, index);
  return *string ? string : NULL;
}

// Takes the next step off the bytes. False at their end, or where they are no step (then `bad` is set).
static int next(const uint8_t **at, const uint8_t *end, struct step *step, int *bad) {
  uint32_t header[4];
  size_t left = (size_t)(end - *at);
  *bad = 0;
  if (left == 0) return 0;
  *bad = 1;
  if (left < sizeof header) return 0;
  memcpy(header, *at, sizeof header);
  if (header[1] < sizeof header || header[1] > left || header[1] % 4) return 0;
  if (header[2] > (header[1] - sizeof header) / 4) return 0;
  const char *strings = (const char *)*at + sizeof header + header[2] * 4, *stop = (const char *)*at + header[1];
  const char *string = strings;
  for (uint32_t i = 0; i < header[3]; i++) {
    const char *nul = memchr(string, 0, (size_t)(stop - string));
    if (!nul) return 0;
    string = nul + 1;
  }
  const void *numbers = *at + sizeof header;
  *step = (struct step){header[0], header[2], header[3], numbers, strings};
  *at += header[1];
  *bad = 0;
  return 1;
}

static int slot(const struct state *state, uint32_t index) { return index < EXECUTOR_SLOTS ? state->slots[index] : -1; }

// Puts a new descriptor into a slot; a negative one is passed on as the failure that it is.
static int keep(struct state *state, uint32_t index, int descriptor) {
  if (descriptor < 0) return -1;
  if (index >= EXECUTOR_SLOTS) {
    close(descriptor);
    errno = EINVAL;
    return -1;
  }
  if (state->slots[index] >= 0) close(state->slots[index]);
  state->slots[index] = descriptor;
  return 0;
}

// One write(2), as kernel files want it.
static int put(int descriptor, const char *string) {
  size_t length = strlen(string);
  ssize_t count = write(descriptor, string, length);
  if (count < 0) return -1;
  if ((size_t)count < length) {
    errno = EIO;
    return -1;
  }
  return 0;
}

static int put_file(const char *path, const char *string) {
  int descriptor = open(path, O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return -1;
  int result = put(descriptor, string), error = errno;
  close(descriptor);
  errno = error;
  return result;
}

static int do_own(const struct state *state, const struct step *step) {
  uint32_t user = number(step, 1), group = number(step, 2);
  if (number(step, 0) == EXECUTOR_NO_SLOT) return lchown(text(step, 0), user, group);
  return fchown(slot(state, number(step, 0)), user, group);
}

// Makes a mount's target and the directories above it.
static int make_target(const char *path, int is_directory) {
  char above[4096];
  size_t length = strlen(path);
  if (length >= sizeof above) {
    errno = ENAMETOOLONG;
    return -1;
  }
  for (size_t i = 1; i < length; i++) {
    if (path[i] != '/') continue;
    memcpy(above, path, i);
    above[i] = 0;
    if (mkdir(above, 0755) < 0 && errno != EEXIST) return -1;
  }
  return is_directory ? mkdir(path, 0755) : mknod(path, S_IFREG | 0644, 0);
}

static int do_mount(const struct step *step) {
  const char *source = text(step, 0), *target = text(step, 1);
  const char *type = text_or_null(step, 2), *data = text_or_null(step, 3);
  if (mount(source, target, type, number(step, 0), data) == 0) return 0;
  if (errno != ENOENT || !number(step, 1) || make_target(target, 1) < 0) return -1;
  return mount(source, target, type, number(step, 0), data);
}

static int attach(int from, const char *target) {
  return (int)syscall(SYS_move_mount, from, "", AT_FDCWD, target, MOVE_FROM_EMPTY_PATH);
}

static int do_move_mount(const struct state *state, const struct step *step) {
  int from = slot(state, number(step, 0));
  const char *target = text(step, 0);
  if (attach(from, target) == 0) return 0;
  if (errno != ENOENT || !number(step, 1)) return -1;
  struct stat status;
  if (fstat(from, &status) < 0 || make_target(target, S_ISDIR(status.st_mode)) < 0) return -1;
  return attach(from, target);
}

static int do_open_tree(struct state *state, const struct step *step) {
  unsigned flags = TREE_CLONE | O_CLOEXEC | (number(step, 1) ? RECURSIVE : 0);
  return keep(state, number(step, 0), (int)syscall(SYS_open_tree, AT_FDCWD, text(step, 0), flags));
}

static int do_change_mount(const struct state *state, const struct step *step) {
  struct mount_attributes change = {.set = number(step, 1), .propagation = number(step, 2) ? MS_PRIVATE : 0};
  if (number(step, 4) != EXECUTOR_NO_SLOT) {
    change.set |= ATTRIBUTE_ID_MAP;
    change.user_namespace = (uint64_t)slot(state, number(step, 4));
  }
  unsigned flags = EMPTY_PATH | (number(step, 3) ? RECURSIVE : 0);
  return (int)syscall(SYS_mount_setattr, slot(state, number(step, 0)), "", flags, &change, sizeof change);
}

static char *decimal(char *to, unsigned value) {
  char digits[10];
  int count = 0;
  do digits[count++] = (char)('0' + value % 10);
  while (value /= 10);
  while (count > 0) *to++ = digits[--count];
  *to = 0;
  return to;
}

static int configure(int context, const char *key, const char *value) {
  return (int)syscall(SYS_fsconfig, context, CONFIGURE_STRING, key, value, 0);
}

static int make_overlay(const char *lower, const struct step *step) {
  int context = (int)syscall(SYS_fsopen, "overlay", CLOSE_ON_EXEC);
  if (context < 0) return -1;
  int made = -1;
  if (configure(context, "source", "overlay") == 0 && configure(context, "lowerdir", lower) == 0 &&
      configure(context, "upperdir", text(step, 0)) == 0 && configure(context, "workdir", text(step, 1)) == 0 &&
      (!number(step, 2) || syscall(SYS_fsconfig, context, CONFIGURE_FLAG, "volatile", NULL, 0) == 0) &&
      syscall(SYS_fsconfig, context, CONFIGURE_CREATE, NULL, NULL, 0) == 0)
    made = (int)syscall(SYS_fsmount, context, CLOSE_ON_EXEC, 0);
  int error = errno;
  close(context);
  errno = error;
  return made;
}

// Some kernels (6.1.142 of Debian 12, up to 6.14) take as a layer only what is mounted in the caller's namespace:
// clone_private_mount in fs/namespace.c. There the lower layer is mounted for this moment, where only this process sees
// it: its mount namespace is its own (system_own_mounts), and it has one thread, to which /sys can be hidden meanwhile.
static int make_overlay_of_attached(int lower_mount, const char *lower, const struct step *step) {
  const char *place = "/sys";
  if (syscall(SYS_move_mount, lower_mount, "", AT_FDCWD, place, MOVE_FROM_EMPTY_PATH) < 0) return -1;
  int made = make_overlay(lower, step);
  int error = errno;
  if (umount2(place, MNT_DETACH) < 0 && made >= 0) {
    close(made);
    return -1;
  }
  errno = error;
  return made;
}

// An attempt that failed has marked the work directory of a volatile overlay all the same, and the kernel takes a marked
// one no more.
static int remove_volatile_mark(const char *work) {
  static const char *const made[] = {"/work/incompat/volatile/dirty", "/work/incompat/volatile", "/work/incompat"};
  for (unsigned i = 0; i < sizeof made / sizeof *made; i++) {
    char path[PATH_MAX];
    if (strlen(work) + strlen(made[i]) >= sizeof path) {
      errno = ENAMETOOLONG;
      return -1;
    }
    strcat(strcpy(path, work), made[i]);
    if (unlinkat(AT_FDCWD, path, i == 0 ? 0 : AT_REMOVEDIR) < 0 && errno != ENOENT) return -1;
  }
  return 0;
}

static int do_overlay(struct state *state, const struct step *step) {
  char lower[32] = "/proc/self/fd/";
  int lower_mount = slot(state, number(step, 1));
  if (lower_mount < 0) {
    errno = EBADF;
    return -1;
  }
  decimal(lower + strlen(lower), (unsigned)lower_mount);
  int made = make_overlay(lower, step);
  if (made < 0 && errno == EINVAL && (!number(step, 2) || remove_volatile_mark(text(step, 1)) == 0))
    made = make_overlay_of_attached(lower_mount, lower, step);
  return keep(state, number(step, 0), made);
}

static int do_bind_node(const struct step *step) {
  if (mknod(text(step, 1), S_IFREG | 0666, 0) < 0 && errno != EEXIST) return -1;
  return mount(text(step, 0), text(step, 1), NULL, MS_BIND, NULL);
}

static int do_mask(const struct step *step) {
  const char *path = text(step, 0);
  struct stat status;
  // Looked at first: a mount of /dev/null on a directory fails only after it has waited for RCU.
  if (stat(path, &status) < 0) return errno == ENOENT ? 0 : -1;
  if (!S_ISDIR(status.st_mode)) return mount("/dev/null", path, NULL, MS_BIND, NULL);
  return mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0k,nr_inodes=2");
}

static int do_read_only(const struct step *step) {
  const char *path = text(step, 0);
  if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) return errno == ENOENT ? 0 : -1;
  if (number(step, 0)) {
    struct mount_attributes change = {.set = ATTRIBUTE_READ_ONLY};
    return (int)syscall(SYS_mount_setattr, AT_FDCWD, path, RECURSIVE, &change, sizeof change);
  }
  // Without mount_setattr(2) a remount states all flags anew, and inside a user namespace may leave none out.
  struct statfs status;
  if (statfs(path, &status) < 0) return -1;
  unsigned long kept = (unsigned long)status.f_flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
  if (status.f_flags & 0x1000) kept |= MS_RELATIME;  // ST_RELATIME, the one flag whose bit differs
  return mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | kept, NULL);
}

static int do_loopback(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0) return -1;
  int result = ioctl(any, SIOCSIFFLAGS, &request), error = errno;
  close(any);
  errno = error;
  return result;
}

static int do_limit(const struct step *step) {
  uint64_t limit[2] = {wide(step, 1), wide(step, 3)};
  return (int)syscall(SYS_prlimit64, 0, number(step, 0), limit, NULL);
}

static int do_reset_signals(void) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  for (int signal = 1; signal < 32; signal++)
    if (signal != SIGKILL && signal != SIGSTOP) sigaction(signal, &action, NULL);
  sigset_t none;
  sigemptyset(&none);
  return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int do_standard_streams(const struct state *state, const struct step *step) {
  int from[3];
  for (uint32_t i = 0; i < 3; i++) {
    from[i] = slot(state, number(step, i));
    if (from[i] < 0) {
      errno = EBADF;
      return -1;
    }
  }
  // A source that is itself 0, 1 or 2 must be moved out of the way before something lands on it.
  for (int i = 0; i < 3; i++)
    if (from[i] < 3 && from[i] != i && (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3)) < 0) return -1;
  for (int i = 0; i < 3; i++) {
    if (from[i] != i && dup2(from[i], i) < 0) return -1;
    if (from[i] == i && fcntl(i, F_SETFD, 0) < 0) return -1;
  }
  return 0;
}

static int close_between(unsigned first, unsigned last) {
  return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0);
}

static int do_close_others(const struct state *state) {
  unsigned low = (unsigned)(state->control < state->errors ? state->control : state->errors);
  unsigned high = (unsigned)(state->control < state->errors ? state->errors : state->control);
  return close_between(3, low - 1) < 0 || close_between(low + 1, high - 1) < 0 ? -1 : close_between(high + 1, ~0u);
}

static int do_limit_capabilities(const struct step *step) {
  uint64_t kept = wide(step, 0);
  for (int i = 0; i <= LAST_CAPABILITY; i++) {
    if (kept >> i & 1 || prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0) continue;
    return errno == EINVAL ? 0 : -1;  // EINVAL: the kernel has no more of them
  }
  return 0;
}

static int do_set_capabilities(const struct step *step) {
  struct {
    uint32_t version;
    int process;
  } header = {CAPABILITY_VERSION_3, 0};
  struct {
    uint32_t effective, permitted, inheritable;
  } sets[2];
  for (uint32_t i = 0; i < 2; i++) {
    sets[i].effective = number(step, i);
    sets[i].permitted = number(step, 2 + i);
    sets[i].inheritable = number(step, 4 + i);
  }
  if (syscall(SYS_capset, &header, sets) < 0) return -1;
  for (unsigned i = 0; i <= LAST_CAPABILITY; i++)
    if (wide(step, 6) >> i & 1 && prctl(PR_CAP_AMBIENT, AMBIENT_RAISE, i, 0, 0) < 0) return -1;
  return 0;
}

static int do_user(const struct step *step) {
  uint32_t user = number(step, 0);
  if (number(step, 1) && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return -1;
  return (int)syscall(CALL_SETRESUID, user, user, user);
}

static int do_seccomp(const struct step *step) {
  struct {
    unsigned short length;
    const void *instructions;
  } program = {(unsigned short)(step->number_count / 2), step->numbers};
  return (int)syscall(SYS_seccomp, SECCOMP_SET_FILTER, 0, &program);
}

static int do_wait(const struct state *state, const struct step *step) {
  unsigned char byte;
  ssize_t count;
  do count = read(state->control, &byte, 1);
  while (count < 0 && errno == EINTR);
  if (count < 0) return -1;
  if (count == 0) _exit(EXECUTOR_NEVER_RAN);  // the agent gave up, or is gone: so is this
  if (byte == number(step, 0)) return 0;
  errno = EPROTO;
  return -1;
}

static int do_execute(const struct step *step) {
  uint32_t candidates = number(step, 0), arguments = number(step, 1), count = step->string_count;
  if (count > EXECUTOR_MAX_STRINGS || candidates > count || arguments > count - candidates) {
    errno = E2BIG;
    return -1;
  }
  const char *vector[EXECUTOR_MAX_STRINGS + 2], *string = step->strings;
  uint32_t environment = candidates + arguments + 1;  // one after the arguments' NULL
  for (uint32_t i = 0; i < count; i++, string += strlen(string) + 1) vector[i + (i >= environment - 1)] = string;
  vector[environment - 1] = vector[count + 1] = NULL;
  int error = ENOENT;
  for (uint32_t i = 0; i < candidates; i++) {
    execve(vector[i], (char **)(vector + candidates), (char **)(vector + environment));
    if (errno == EACCES) error = EACCES;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return -1;
  }
  errno = error;
  return -1;
}

static int perform(struct state *state, const struct step *step) {
  switch (step->operation) {
    case EXECUTOR_MAKE_DIRECTORY: return mkdir(text(step, 0), number(step, 0)) < 0 && errno != EEXIST ? -1 : 0;
    case EXECUTOR_WRITE_FILE: return put_file(text(step, 0), text(step, 1));
    case EXECUTOR_OPEN:
      return keep(state, number(step, 0), open(text(step, 0), (int)number(step, 1) | O_CLOEXEC, number(step, 2)));
    case EXECUTOR_WRITE: return put(slot(state, number(step, 0)), text(step, 0));
    case EXECUTOR_OWN: return do_own(state, step);
    case EXECUTOR_OPEN_TREE: return do_open_tree(state, step);
    case EXECUTOR_CHANGE_MOUNT: return do_change_mount(state, step);
    case EXECUTOR_OVERLAY: return do_overlay(state, step);
    case EXECUTOR_JOIN_NAMESPACE: return setns(slot(state, number(step, 0)), (int)number(step, 1));
    case EXECUTOR_UNSHARE: return unshare((int)number(step, 0));
    case EXECUTOR_WAIT: return do_wait(state, step);
    case EXECUTOR_MOUNT: return do_mount(step);
    case EXECUTOR_UNMOUNT: return umount2(text(step, 0), (int)number(step, 0));
    case EXECUTOR_MOVE_MOUNT: return do_move_mount(state, step);
    case EXECUTOR_ENTER_DIRECTORY: return fchdir(slot(state, number(step, 0)));
    case EXECUTOR_CHANGE_DIRECTORY: return chdir(text(step, 0));
    case EXECUTOR_PIVOT_ROOT: return (int)syscall(SYS_pivot_root, ".", ".");
    case EXECUTOR_CHANGE_ROOT: return chroot(text(step, 0));
    case EXECUTOR_MAKE_NODE: return mknod(text(step, 0), number(step, 0), makedev(number(step, 1), number(step, 2)));
    case EXECUTOR_BIND_NODE: return do_bind_node(step);
    case EXECUTOR_LINK: return symlink(text(step, 0), text(step, 1));
    case EXECUTOR_MASK: return do_mask(step);
    case EXECUTOR_READ_ONLY: return do_read_only(step);
    case EXECUTOR_LOOPBACK: return do_loopback();
    case EXECUTOR_HOSTNAME: return sethostname(text(step, 0), strlen(text(step, 0)));
    case EXECUTOR_LIMIT: return do_limit(step);
    case EXECUTOR_NEW_SESSION: return (int)setsid();
    case EXECUTOR_RESET_SIGNALS: return do_reset_signals();
    case EXECUTOR_STANDARD_STREAMS: return do_standard_streams(state, step);
    case EXECUTOR_CLOSE_OTHERS: return do_close_others(state);
    case EXECUTOR_UMASK: return umask(number(step, 0)), 0;
    case EXECUTOR_LIMIT_CAPABILITIES: return do_limit_capabilities(step);
    case EXECUTOR_GROUPS: return (int)syscall(CALL_SETGROUPS, step->number_count, step->numbers);
    case EXECUTOR_GROUP: return (int)syscall(CALL_SETRESGID, number(step, 0), number(step, 0), number(step, 0));
    case EXECUTOR_USER: return do_user(step);
    case EXECUTOR_SET_CAPABILITIES: return do_set_capabilities(step);
    case EXECUTOR_NO_NEW_PRIVILEGES: return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    case EXECUTOR_SECCOMP: return do_seccomp(step);
    case EXECUTOR_EXECUTE: return do_execute(step);
    default: errno = ENOSYS; return -1;
  }
}

static int run(const uint8_t *steps, size_t count, struct state *state, struct executor_failure *failure) {
  const uint8_t *at = steps, *end = steps + count;
  struct step step;
  int bad;
  uint32_t index = 0;
  for (; next(&at, end, &step, &bad); index++) {
    if (perform(state, &step) >= 0) continue;
    *failure = (struct executor_failure){index, errno};
    return -1;
  }
  *failure = (struct executor_failure){index, EBADMSG};
  return bad ? -1 : 0;
}

int executor_perform(const uint8_t *steps, size_t count, int32_t *slots, struct executor_failure *failure) {
  struct state state = {slots, -1, -1};
  return run(steps, count, &state, failure);
}

static _Noreturn void run_child(const uint8_t *steps, size_t count, int32_t *slots, int control, int errors) {
  struct state state = {slots, control, errors};
  struct executor_failure failure;
  run(steps, count, &state, &failure);
  // The list ends in exec: whoever arrives here failed. Nobody may be left to hear it.
  ssize_t ignored = write(errors, &failure, sizeof failure);
  (void)ignored;
  _exit(EXECUTOR_NEVER_RAN);
}

static int write_map(int process, const char *file, const char *map) {
  char path[48] = "/proc/";
  char *end = decimal(path + strlen(path), (unsigned)process);
  strcpy(end, file);
  return put_file(path, map);
}

static int write_maps(int process, const char *user_map, const char *group_map) {
  return write_map(process, "/uid_map", user_map) < 0 ? -1 : write_map(process, "/gid_map", group_map);
}

static int clone_process(uint64_t flags, int cgroup, int *pidfd) {
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
  return send(control, byte, 1, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET ? -errno : 0;
}

int executor_release(int control) { return tell(control, "g"); }

int executor_clone(const uint8_t *steps, size_t count, int32_t *slots, uint64_t namespaces, int cgroup,
                   struct executor_child *child) {
  int control[2], errors[2], pidfd = -1, error;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0) return -errno;
  if (pipe2(errors, O_CLOEXEC) < 0) {
    error = errno;
    close_both(control);
    return -error;
  }
  int process = clone_process(namespaces, cgroup, &pidfd);
  if (process == 0) {
    close(control[1]);  // or the child would never see its end
    run_child(steps, count, slots, control[0], errors[1]);
  }
  error = process < 0 ? errno : 0;
  close(control[0]);
  close(errors[1]);
  if (process < 0) {
    close(control[1]);
    close(errors[0]);
    return -error;
  }
  fcntl(control[1], F_SETFL, O_NONBLOCK);
  fcntl(errors[0], F_SETFL, O_NONBLOCK);
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
    strcpy(decimal(path + strlen(path), (unsigned)process), "/ns/user");
    if (result == 0 && (result = open(path, O_RDONLY | O_CLOEXEC)) < 0) result = -errno;
    kill(process, SIGKILL);
    reap(process);
    close(pidfd);
  }
  close_both(hold);
  return result;
}
