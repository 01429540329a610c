// Tries one attack from inside a container and prints the error number that it met (0: it succeeded): `attack NAME
// [ARGUMENT...]`. A freestanding program, so that one gcc makes it for i386 and x86_64 without a C library.
typedef long word;

#ifdef __x86_64__
enum {
  READ = 0, WRITE = 1, CLOSE = 3, PTRACE = 101, CHDIR = 80, MKDIR = 83, CHROOT = 161, MOUNT = 165, MKNOD = 133, KILL = 62,
  SETUID = 105, FCNTL = 72, OPENAT = 257, READLINK = 89, EXIT = 231, ADD_KEY = 248, KEYCTL = 250, SLEEP = 35, EXECUTE = 59,
  IOCTL = 16,
};
static word call(word number, word a, word b, word c, word d, word e) {
  word result;
  register word r10 __asm__("r10") = d, r8 __asm__("r8") = e;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return result;
}
// What a program of 32 bits would do. Its pointers have 32 bits: this program lies below.
static word legacy_call(word number, word a, word b) {
  word result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b) : "r8", "r9", "r10", "r11", "memory");
  return (int)result;
}
enum { X32 = 0x40000000, LEGACY_MKDIR = 39 };
__asm__(".globl _start\n_start: mov %rsp,%rdi\n and $-16,%rsp\n call run\n");
#else
enum {
  READ = 3, WRITE = 4, CLOSE = 6, PTRACE = 26, CHDIR = 12, MKDIR = 39, CHROOT = 61, MOUNT = 21, MKNOD = 14, KILL = 37,
  SETUID = 213, FCNTL = 221, OPENAT = 295, READLINK = 85, EXIT = 252, ADD_KEY = 286, KEYCTL = 288, SLEEP = 162, EXECUTE = 11,
  IOCTL = 54,
};
static word call(word number, word a, word b, word c, word d, word e) {
  word result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
  return result;
}
__asm__(".globl _start\n_start: mov %esp,%eax\n and $-16,%esp\n sub $12,%esp\n push %eax\n call run\n");
#endif

enum { HERE = -100, O_WRITE = 1, O_FIND = 010000000, EXISTS = 17, BUSY = 26, ROUNDS = 2000 };
enum { SESSION_KEYRING = -3, JOIN_KEYRING = 1, SEARCH_KEYRING = 10 };

static word length(const char *text) {
  word count = 0;
  while (text[count]) count++;
  return count;
}

static int is(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static word number(const char *text) {
  word value = 0;
  for (; *text >= '0' && *text <= '9'; text++) value = value * 10 + (*text - '0');
  return value;
}

static char *put_number(char *to, word value) {
  if (value >= 10) to = put_number(to, value / 10);
  *to = (char)('0' + value % 10);
  return to + 1;
}

static void say(const char *text) { call(WRITE, 1, (word)text, length(text), 0, 0); }

static void tell(word result) {
  char line[16], *end = put_number(line, result < 0 ? -result : 0);
  *end++ = '\n';
  *end = 0;
  say(line);
}

static void wait_a_moment(void) {
  word millisecond[2] = {0, 1000000};
  call(SLEEP, (word)millisecond, 0, 0, 0, 0);
}

static word make_directory(const char *path) {
  word result = call(MKDIR, (word)path, 0755, 0, 0, 0);
  return result == -EXISTS ? 0 : result;
}

static const char *path_of(char *buffer, word process, const char *file) {
  const char *start = "/proc/";
  char *end = buffer;
  while (*start) *end++ = *start++;
  end = put_number(end, process);
  while (*file) *end++ = *file++;
  *end = 0;
  return buffer;
}

// Waits for a process that runs another program than `own`, whose file this one then tries to write, once it has ended and
// the file is busy no more. `door` is a FIFO that it waits at.
static word overwrite(const char *own, const char *door) {
  char path[64], target[256];
  for (word round = 0; round < ROUNDS; round++, wait_a_moment()) {
    for (word process = 1; process < 64; process++) {
      word count = call(READLINK, (word)path_of(path, process, "/exe"), (word)target, sizeof target - 1, 0, 0);
      if (count <= 0) continue;
      target[count] = 0;
      if (is(target, own) || is(target, "/bin/busybox")) continue;
      word found = call(OPENAT, HERE, (word)path, O_FIND, 0, 0);
      if (found < 0) continue;
      // Its door opens, and it is gone.
      word opened = call(OPENAT, HERE, (word)door, O_WRITE, 0, 0);
      if (opened >= 0) call(CLOSE, opened, 0, 0, 0, 0);
      char again[64] = "/proc/self/fd/";
      *put_number(again + length(again), found) = 0;
      for (word wait = 0; wait < ROUNDS; wait++, wait_a_moment()) {
        word written = call(OPENAT, HERE, (word)again, O_WRITE, 0, 0);
        if (written != -BUSY) return written;
      }
      return -BUSY;
    }
  }
  return -3;  // ESRCH: nobody came
}

// How many descriptors beside the standard ones are open.
static word leaked(void) {
  word count = 0;
  for (word descriptor = 3; descriptor < 1024; descriptor++)
    if (call(FCNTL, descriptor, 1, 0, 0, 0) >= 0) count++;
  return count;
}

// linux/fs.h
struct attributes {
  unsigned flags, extent, extents, project, copy_extent, unused[2];
};
enum { GET_ATTRIBUTES = (int)0x801C581F, SET_ATTRIBUTES = 0x401C5820, INHERIT_PROJECT = 0x200 };
// The two of FS_IOC_GETFLAGS and FS_IOC_SETFLAGS hold the size of a long, and that it is an int that they mean.
enum { GET_FLAGS = (int)(0x80006601 | sizeof(word) << 16), SET_FLAGS = 0x40006602 | sizeof(word) << 16 };
enum { INHERIT_PROJECT_FLAG = 0x20000000 };

// What is there, and what is made there, is to be counted no more for the container.
static word leave_project(const char *path, int is_to_be_left, word *project) {
  struct attributes attributes;
  word file = call(OPENAT, HERE, (word)path, 0, 0, 0);
  if (file < 0) return file;
  word result = call(IOCTL, file, (unsigned)GET_ATTRIBUTES, (word)&attributes, 0, 0);
  if (result < 0) return result;
  *project = attributes.project;
  if (!is_to_be_left) return 0;
  attributes.project = 0;
  attributes.flags &= ~INHERIT_PROJECT;
  return call(IOCTL, file, SET_ATTRIBUTES, (word)&attributes, 0, 0);
}

static word drop_inheritance(const char *path) {
  int flags;
  word file = call(OPENAT, HERE, (word)path, 0, 0, 0);
  if (file < 0) return file;
  word result = call(IOCTL, file, (unsigned)GET_FLAGS, (word)&flags, 0, 0);
  if (result < 0) return result;
  if (!(flags & INHERIT_PROJECT_FLAG)) return -61;
  flags &= ~INHERIT_PROJECT_FLAG;
  return call(IOCTL, file, SET_FLAGS, (word)&flags, 0, 0);
}

// No attack: how many of the agent's projects the file system of a directory has counts or limits of.
static word projects(const char *directory) {
  struct {
    unsigned long long numbers[8];
    unsigned valid, project;
  } found;
  word file = call(OPENAT, HERE, (word)directory, 0, 0, 0), count = 0;
  if (file < 0) return file;
  // quotactl_fd(2), Q_GETNEXTQUOTA
  for (unsigned next = 0x40000000; call(443, file, 0x80000902, next, (word)&found, 0) == 0; next = found.project + 1)
    if (found.project >= 0x40000000) count++;
  return count;
}

// The oldest one: leave by a directory that lies above the root.
static word leave_root(const char *mark) {
  word result = make_directory("/tmp/deeper");
  if (result < 0) return result;
  if ((result = call(CHROOT, (word) "/tmp/deeper", 0, 0, 0, 0)) < 0) return result;
  for (int level = 0; level < 64; level++) call(CHDIR, (word) "..", 0, 0, 0, 0);
  if ((result = call(CHROOT, (word) ".", 0, 0, 0, 0)) < 0) return result;
  return call(OPENAT, HERE, (word)mark, 0, 0, 0);
}

static word attack(const char *name, const char *first, const char *second) {
  if (is(name, "write")) return call(OPENAT, HERE, (word)first, O_WRITE, 0, 0);
  if (is(name, "read")) return call(OPENAT, HERE, (word)first, 0, 0, 0);
  if (is(name, "overwrite")) return overwrite(first, second);
  word project;
  if (is(name, "leave-project")) return leave_project(first, 1, &project);
  if (is(name, "drop-inheritance")) return drop_inheritance(first);
  if (is(name, "leave-root")) return leave_root(first);
  if (is(name, "kill")) return call(KILL, number(first), 0, 0, 0, 0);
  if (is(name, "trace")) return call(PTRACE, 16, number(first), 0, 0, 0);
  if (is(name, "become")) return call(SETUID, number(first), 0, 0, 0, 0);
  if (is(name, "add-key")) return call(ADD_KEY, (word) "user", (word)first, (word) "x", 1, SESSION_KEYRING);
  if (is(name, "find-key")) return call(KEYCTL, SEARCH_KEYRING, SESSION_KEYRING, (word) "user", (word)first, 0);
  if (is(name, "device")) {
    word result = call(MKNOD, (word) "/tmp/device", 020666, number(first) << 8 | number(second), 0, 0);
    return result < 0 && result != -EXISTS ? result : call(OPENAT, HERE, (word) "/tmp/device", 0, 0, 0);
  }
  if (is(name, "mount")) {
    word result = make_directory("/tmp/mount");
    return result < 0 ? result : call(MOUNT, (word) "none", (word) "/tmp/mount", (word)first, 0, (word)second);
  }
  if (is(name, "mkdir")) return call(MKDIR, (word)first, 0755, 0, 0, 0);
#ifdef __x86_64__
  static char path[256];
  for (int i = 0; first[i] && i < 255; i++) path[i] = first[i];
  if (is(name, "mkdir-i386")) return legacy_call(LEGACY_MKDIR, (word)path, 0755);
  if (is(name, "mkdir-x32")) return call(X32 | MKDIR, (word)path, 0755, 0, 0, 0);
#endif
  return -38;
}

__attribute__((used)) void run(word *stack) {
  char **arguments = (char **)(stack + 1);
  const char *first = stack[0] > 2 ? arguments[2] : "", *second = stack[0] > 3 ? arguments[3] : "";
  if (stack[0] > 3 && is(arguments[1], "with-key")) {
    // Somebody who holds a key and calls a program.
    if (call(KEYCTL, JOIN_KEYRING, 0, 0, 0, 0) < 0 || attack("add-key", first, "") < 0) call(EXIT, 1, 0, 0, 0, 0);
    call(EXECUTE, (word)second, (word)(arguments + 3), (word)(arguments + stack[0] + 1), 0, 0);
    call(EXIT, 1, 0, 0, 0, 0);
  } else if (stack[0] > 1 && is(arguments[1], "descriptors")) {
    tell(-leaked());
  } else if (stack[0] > 2 && is(arguments[1], "project")) {
    word project, result = leave_project(first, 0, &project);
    tell(result < 0 ? result : -project);
  } else if (stack[0] > 2 && is(arguments[1], "projects")) {
    tell(-projects(first));
  } else if (stack[0] > 1) {
    tell(attack(arguments[1], first, second));
  }
  call(EXIT, 0, 0, 0, 0, 0);
}
