// The C library may be older than the kernel, and its headers and the kernel's do not mix: what follows is the kernel's
// interface, which does not change. Raw calls also leave out what a C library adds for threads (setresuid(3) would
// signal threads that the executor's child does not have).
#pragma once
#include <stdint.h>
#include <sys/syscall.h>

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
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
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
  STATFS_RELATIME = 0x1000,
  CAPABILITY_VERSION_3 = 0x20080522,
  LAST_CAPABILITY = 63,
  AMBIENT_RAISE = 2,
  SECCOMP_SET_FILTER = 1,
  PROJECT_QUOTA = 2,
  QUOTA_GET = 0x800007,
  QUOTA_SET = 0x800008,
  QUOTA_GET_STATE = 0x5808,  // Q_XGETQSTATV, also of file systems other than XFS
  QUOTA_BLOCKS_VALID = 1,
  QUOTA_FILES_VALID = 4,
  PROJECT_QUOTA_ENFORCED = 0x20,
};
// if_dqblk: blocks are of 1024 bytes.
struct quota_limits {
  uint64_t most_blocks, wanted_blocks, bytes, most_files, wanted_files, files, blocks_time, files_time;
  uint32_t valid;
};
// fs_quota_statv.
struct quota_state {
  int8_t version;
  uint8_t unused;
  uint16_t flags;
  uint32_t rest[38];
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
