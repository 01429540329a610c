// The floor: the fewest system calls that still make a container like ours, made by a process that has nothing else to do.
// It keeps no record, has no clients and handles no failure but by giving up; what runs a container in no more time than
// this wastes none. Its parts can be left out, and what the agent does besides can be added, to see what each costs.
//
// Groups are made in microagent-bench, which exists in every hierarchy that is used.
//
//   floor [-u] [-e] [-o DIR] [-l] [-r FILE] ROOTFS PROGRAM     resident (stopwatch.h)
//     -u  no user namespace
//     -e  the groups that the agent needs besides on cgroup v1: cpuacct to count, freezer to pause
//     -o  an overlay on the root file system, written below DIR
//     -l  output through a pipe into a ring in memory, drained at the end
//     -r  a record written to FILE and synced before the program runs and when it has ended
//
// Always: mount, pid, uts, ipc, network and cgroup namespaces, pivot_root, OCI's mounts, devices, masked and read-only
// paths, groups of memory, pids and cpu with a limit each (cgroup v1), fewer capabilities, no_new_privs, a seccomp filter.
// The child joins its groups through `tasks`: one thread that moves itself waits for no RCU grace period.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "stopwatch.h"

enum { FIRST_USER = 100000, RECORD_BYTES = 8192, GROUPS = 5, GROUPS_NEEDED = 3, PATH_BYTES = 256 };

static const char *root, *program, *overlay_directory, *record_path;
static int has_user_namespace = 1, has_log, group_count = GROUPS_NEEDED, record = -1;

static const struct {
  const char *controller, *limit_file, *limit;
} groups[GROUPS] = {
    {"memory", "memory.limit_in_bytes", "4194304"},
    {"pids", "pids.max", "64"},
    {"cpu", "cpu.cfs_quota_us", "50000"},
    {"cpuacct", NULL, NULL},
    {"freezer", NULL, NULL},
};
static char group_directories[GROUPS][PATH_BYTES];
static int group_tasks[GROUPS];

static void put(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0 || write(file, text, strlen(text)) < 0) fail(path);
  close(file);
}

static void must_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  if (mount(source, target, type, flags, data) < 0) fail(target);
}

// The groups, made by the parent, joined by the child.

static void make_groups(void) {
  char path[2 * PATH_BYTES];
  for (int i = 0; i < group_count; i++) {
    if (mkdir(group_directories[i], 0755) < 0) fail(group_directories[i]);
    if (groups[i].limit_file) {
      snprintf(path, sizeof path, "%s/%s", group_directories[i], groups[i].limit_file);
      put(path, groups[i].limit);
    }
    snprintf(path, sizeof path, "%s/tasks", group_directories[i]);
    if ((group_tasks[i] = open(path, O_WRONLY | O_CLOEXEC)) < 0) fail(path);
  }
}

static void join_groups(void) {
  for (int i = 0; i < group_count; i++)
    if (write(group_tasks[i], "0", 1) != 1) fail("join a group");
  if (unshare(CLONE_NEWCGROUP) < 0) fail("make a cgroup namespace");  // after the join: its root is where we are
}

static void remove_groups(void) {
  for (int i = 0; i < group_count; i++) {
    close(group_tasks[i]);
    if (rmdir(group_directories[i]) < 0) fail(group_directories[i]);
  }
}

// The overlay, the log, the record: what is more than the floor.

static void overlay_path(char *path, const char *name) {
  snprintf(path, PATH_BYTES, "%s/%s", overlay_directory, name);
}

static void make_overlay_directories(void) {
  char path[PATH_BYTES];
  for (int i = 0; i < 2; i++) {
    overlay_path(path, i ? "work" : "upper");
    if (mkdir(path, 0755) < 0 || chown(path, FIRST_USER, FIRST_USER) < 0) fail(path);
  }
}

static void remove_overlay_directories(void) {
  static const char *const names[] = {"upper", "work/work", "work"};
  char path[PATH_BYTES];
  for (int i = 0; i < 3; i++) {
    overlay_path(path, names[i]);
    if (rmdir(path) < 0) fail(path);
  }
}

// Made by the parent, since the child's user namespace may not: the child attaches it.
static int make_overlay(void) {
  char upper[PATH_BYTES], work[PATH_BYTES];
  overlay_path(upper, "upper");
  overlay_path(work, "work");
  int context = (int)syscall(SYS_fsopen, "overlay", 1);
  if (context < 0 || syscall(SYS_fsconfig, context, 1, "lowerdir", root, 0) < 0 ||
      syscall(SYS_fsconfig, context, 1, "upperdir", upper, 0) < 0 ||
      syscall(SYS_fsconfig, context, 1, "workdir", work, 0) < 0 || syscall(SYS_fsconfig, context, 6, NULL, NULL, 0) < 0)
    fail("make an overlay");
  int made = (int)syscall(SYS_fsmount, context, 1, 0);
  if (made < 0) fail("make an overlay");
  close(context);
  return made;
}

static void write_record(void) {
  static char bytes[RECORD_BYTES];
  if (pwrite(record, bytes, sizeof bytes, 0) < 0 || fdatasync(record) < 0) fail(record_path);
}

static void drain_log(int pipe, int ring) {
  while (splice(pipe, NULL, ring, NULL, 65536, SPLICE_F_NONBLOCK) > 0) {
  }
}

// What the child does, in order.

static void bring_loopback_up(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0 || ioctl(any, SIOCSIFFLAGS, &request) < 0) fail("bring lo up");
  close(any);
}

static void enter_root(int overlay) {
  must_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
  if (overlay >= 0) {
    if (syscall(SYS_move_mount, overlay, "", AT_FDCWD, root, 4) < 0) fail("mount the overlay");
  } else {
    must_mount(root, root, NULL, MS_BIND, NULL);
    must_mount(NULL, root, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
  }
  if (chdir(root) < 0) fail(root);
}

static void make_devices(void) {
  static const struct {
    const char *name;
    unsigned major, minor;
  } devices[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                 {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
  static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"},
                                         {"/proc/self/fd/0", "dev/stdin"},
                                         {"/proc/self/fd/1", "dev/stdout"},
                                         {"/proc/self/fd/2", "dev/stderr"},
                                         {"pts/ptmx", "dev/ptmx"}};
  char host[32];
  for (unsigned i = 0; i < sizeof devices / sizeof *devices; i++) {
    const char *name = devices[i].name;
    if (!has_user_namespace) {
      if (mknod(name, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)) < 0) fail(name);
      continue;
    }
    snprintf(host, sizeof host, "/%s", name);
    if (mknod(name, S_IFREG | 0666, 0) < 0) fail(name);
    must_mount(host, name, NULL, MS_BIND, NULL);
  }
  for (unsigned i = 0; i < sizeof links / sizeof *links; i++)
    if (symlink(links[i][0], links[i][1]) < 0) fail(links[i][1]);
}

static void make_mounts(void) {
  const unsigned long quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  must_mount("proc", "proc", "proc", quiet, NULL);
  must_mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=64k");
  make_devices();
  mkdir("dev/pts", 0755);
  mkdir("dev/shm", 0755);
  mkdir("dev/mqueue", 0755);
  must_mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
  must_mount("shm", "dev/shm", "tmpfs", quiet, "mode=1777,size=64m");
  must_mount("mqueue", "dev/mqueue", "mqueue", quiet, NULL);
  must_mount("sysfs", "sys", "sysfs", quiet | MS_RDONLY, NULL);
}

static void hide_paths(void) {
  static const char *const masked[] = {"proc/acpi",          "proc/asound",      "proc/interrupts", "proc/kcore",
                                       "proc/keys",          "proc/latency_stats", "proc/sched_debug", "proc/scsi",
                                       "proc/timer_list",    "proc/timer_stats", "sys/devices/virtual/powercap",
                                       "sys/firmware"};
  static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
  const unsigned long quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  for (unsigned i = 0; i < sizeof masked / sizeof *masked; i++) {
    if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) == 0 || errno == ENOENT) continue;
    if (errno != ENOTDIR) fail(masked[i]);
    must_mount("tmpfs", masked[i], "tmpfs", MS_RDONLY | quiet, "size=0k");
  }
  for (unsigned i = 0; i < sizeof read_only / sizeof *read_only; i++) {
    if (mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL) < 0) {
      if (errno == ENOENT) continue;
      fail(read_only[i]);
    }
    must_mount(NULL, read_only[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | quiet, NULL);
  }
}

static void change_root(void) {
  if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) fail("change the root");
}

static void drop_capabilities(void) {
  const uint32_t kept = 1u << CAP_KILL | 1u << CAP_NET_BIND_SERVICE | 1u << CAP_AUDIT_WRITE;
  for (int i = 0; i <= CAP_LAST_CAP; i++)
    if (i > 31 || !(kept >> i & 1)) prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{kept, kept, 0}, {0, 0, 0}};
  if (syscall(SYS_capset, &header, sets) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("drop capabilities");
}

static void filter_calls(void) {
  static const int denied[] = {SYS_kexec_load, SYS_init_module, SYS_delete_module, SYS_reboot,
                               SYS_swapon,     SYS_ptrace,      SYS_bpf,           SYS_mount};
  enum { DENIED = sizeof denied / sizeof *denied };
  struct sock_filter filter[DENIED + 6];
  unsigned char count = 0;
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned char i = 0; i < DENIED; i++)
    filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)denied[i], DENIED - i, 0);
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  struct sock_fprog code = {count, filter};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &code) < 0) fail("filter system calls");
}

static _Noreturn void child(const int go[2], int output, int overlay) {
  char byte;
  if (go[1] >= 0) close(go[1]);  // or a child whose parent died would wait for ever
  join_groups();
  bring_loopback_up();
  if (sethostname("floor", 5) < 0) fail("set the host name");
  if (go[0] >= 0 && read(go[0], &byte, 1) != 1) fail("wait for the go");
  if (has_user_namespace && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)) fail("become root");
  umask(0);
  enter_root(overlay);
  make_mounts();
  hide_paths();
  change_root();
  if (output >= 0 && (dup2(output, 1) < 0 || dup2(output, 2) < 0)) fail("set the output");
  drop_capabilities();
  filter_calls();
  // With a record: set up meanwhile, run only once it is durable.
  if (record >= 0 && read(go[0], &byte, 1) != 1) fail("wait for the go");
  char *const arguments[] = {(char *)program, NULL};
  execv(program, arguments);
  fail(program);
}

static void write_maps(pid_t process) {
  char path[64], map[32];
  snprintf(map, sizeof map, "0 %d 65536", FIRST_USER);
  snprintf(path, sizeof path, "/proc/%d/uid_map", process);
  put(path, map);
  snprintf(path, sizeof path, "/proc/%d/gid_map", process);
  put(path, map);
}

static struct lap run(void) {
  int go[2] = {-1, -1}, log[2] = {-1, -1}, overlay = -1, ring = -1, status;
  uint64_t start = nanoseconds();
  make_groups();
  if (has_log && (pipe2(log, O_CLOEXEC | O_NONBLOCK) < 0 || (ring = memfd_create("log", MFD_CLOEXEC)) < 0)) fail("log");
  if (overlay_directory) make_overlay_directories(), overlay = make_overlay();
  if ((has_user_namespace || record >= 0) && pipe2(go, O_CLOEXEC) < 0) fail("make a pipe");
  struct clone_args arguments = {
      .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET |
               (has_user_namespace ? CLONE_NEWUSER : 0),
      .exit_signal = SIGCHLD};
  pid_t process = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
  if (process < 0) fail("clone");
  if (process == 0) child(go, log[1], overlay);
  if (has_user_namespace) write_maps(process);
  if (go[1] >= 0 && write(go[1], "m", 1) != 1) fail("release");
  if (record >= 0) {
    write_record();
    if (write(go[1], "g", 1) != 1) fail("release");
  }
  if (waitpid(process, &status, 0) < 0) fail("wait");
  uint64_t ended = nanoseconds() - start;
  errno = 0;
  if (status != 0) fail("the container");
  if (has_log) drain_log(log[0], ring), close(log[0]), close(log[1]), close(ring);
  if (record >= 0) write_record();
  if (go[0] >= 0) close(go[0]), close(go[1]);
  remove_groups();
  if (overlay_directory) close(overlay), remove_overlay_directories();
  return (struct lap){ended, nanoseconds() - start};
}

int main(int count, char **arguments) {
  int option;
  while ((option = getopt(count, arguments, "+ueo:lr:")) != -1) switch (option) {
      case 'u': has_user_namespace = 0; break;
      case 'e': group_count = GROUPS; break;
      case 'o': overlay_directory = optarg; break;
      case 'l': has_log = 1; break;
      case 'r': record_path = optarg; break;
      default: return 2;
    }
  if (count - optind != 2) return 2;
  root = arguments[optind];
  program = arguments[optind + 1];
  if (record_path && (record = open(record_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0) fail(record_path);
  for (int i = 0; i < GROUPS; i++)
    snprintf(group_directories[i], PATH_BYTES, "/sys/fs/cgroup/%s/microagent-bench/floor-%d", groups[i].controller, getpid());
  return serve(run);
}
