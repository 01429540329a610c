// What a process gives up before it reads what strangers made.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "CSystem.h"
#include "kernel.h"

#ifdef __i386__
#define OWN_ARCHITECTURE AUDIT_ARCH_I386
#else
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#endif

// Making files, memory, messages on what is open, and the end. Every other call is not implemented, as if the kernel
// were older than it; so the C library takes another way where it knows one.
static const uint16_t allowed_calls[] = {
    SYS_read,          SYS_write,         SYS_close,          SYS_lseek,           SYS_fcntl,
    SYS_open,          SYS_openat,        SYS_openat2,        SYS_getdents64,      SYS_statx,
    SYS_fstat,         SYS_renameat2,     SYS_mkdirat,        SYS_mknodat,         SYS_symlinkat,
    SYS_linkat,        SYS_unlinkat,      SYS_fchownat,       SYS_pread64,
    SYS_fchown,        SYS_fchmod,        SYS_fsetxattr,      SYS_utimensat,       SYS_mmap,
    SYS_munmap,        SYS_mremap,        SYS_mprotect,       SYS_madvise,         SYS_brk,
    SYS_sendmsg,       SYS_exit,          SYS_exit_group,     SYS_rt_sigreturn,    SYS_restart_syscall,
    SYS_getrandom,
#ifdef __i386__
    SYS_mmap2,         SYS_fcntl64,       SYS_fstat64,        SYS_lstat64,         SYS_fstatat64,
    SYS_fchown32,      SYS__llseek,       SYS_sigreturn,      412 /* utimensat_time64 */,
#else
    SYS_newfstatat,
#endif
};
enum { CALLS = sizeof allowed_calls / sizeof allowed_calls[0] };

static int allow_only_file_calls(void) {
  struct sock_filter filter[CALLS + 6];
  unsigned count = 0;
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0);
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned i = 0; i < CALLS; i++)
    filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed_calls[i], CALLS - i, 0);
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {(unsigned short)count, filter};
  return syscall(SYS_seccomp, SECCOMP_SET_FILTER, 0, &program) < 0 ? -errno : 0;
}

// CHOWN, DAC_OVERRIDE, FOWNER, FSETID and SETFCAP: owners, modes and file capabilities. A whiteout needs none.
enum { KEPT_CAPABILITIES = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 };
static const uint64_t kept_capabilities = KEPT_CAPABILITIES | 1ull << 31;

static int drop_capabilities(void) {
  for (int i = 0; i <= LAST_CAPABILITY; i++)
    if (!(kept_capabilities >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno != EINVAL) return -errno;
  struct {
    uint32_t version;
    int process;
  } header = {CAPABILITY_VERSION_3, 0};
  struct {
    uint32_t effective, permitted, inheritable;
  } sets[2] = {{(uint32_t)kept_capabilities, (uint32_t)kept_capabilities, 0}, {0, 0, 0}};
  return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

static int limit(int resource, uint64_t most) {
  struct rlimit limits;
  if (getrlimit(resource, &limits) < 0) return -errno;
  if (limits.rlim_max == RLIM_INFINITY || limits.rlim_max > most) limits.rlim_max = (rlim_t)most;
  limits.rlim_cur = limits.rlim_max;
  return setrlimit(resource, &limits) < 0 ? -errno : 0;
}

int system_confine_to(int directory, uint64_t memory_bytes) {
  // Without the capability for another root, and with nothing open above it, it is as good as a mount namespace of its
  // own, and works where the board's root is an initramfs, which cannot be left. No call is left that knows a network.
  if (fchdir(directory) < 0 || chroot(".") < 0 || chdir("/") < 0) return -errno;
  int result;
  if ((result = limit(RLIMIT_CORE, 0)) < 0 || (result = limit(RLIMIT_DATA, memory_bytes)) < 0) return result;
  if ((result = drop_capabilities()) < 0) return result;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
  return allow_only_file_calls();
}

// linux/ioprio.h: best effort, the last of eight.
enum { IO_OF_PROCESS = 1, LAST_BEST_EFFORT = 2 << 13 | 7 };
enum { NICENESS = 10 };

int system_give_way(void) {
  if (setpriority(PRIO_PROCESS, 0, NICENESS) < 0) return -errno;
  return syscall(SYS_ioprio_set, IO_OF_PROCESS, 0, LAST_BEST_EFFORT) < 0 ? -errno : 0;
}
