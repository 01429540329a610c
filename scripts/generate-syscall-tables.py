#!/usr/bin/env python3
"""Writes Sources/ContainerRunner/Seccomp/SyscallTables.swift and Sources/OCIRuntime/SyscallNames.swift from the kernel's headers (Debian: linux-libc-dev).

Run it when the headers know new system calls: python3 scripts/generate-syscall-tables.py [FOLDER OF asm/]
A call that neither list below names is refused with EPERM; one that the headers do not know, with ENOSYS.
"""

import pathlib
import re
import sys

# What a container may call. Names that one machine does not have are passed over.
ALLOWED = """
_llseek _newselect accept accept4 access adjtimex alarm arch_prctl bind brk capget capset chdir chmod chown chown32
chroot clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchown fchown32
fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64
fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_time64 futex_waitv futimesat get_robust_list
get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups
getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid
getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr
inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents
io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule landlock_create_ruleset
landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listxattr llistxattr lremovexattr lseek lsetxattr
lstat lstat64 madvise membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall
mmap mmap2 modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
mq_timedsend_time64 mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at
nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free
pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv
process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall
rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64
sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32
setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid
setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr shmat
shmctl shmdt shmget shutdown sigaction sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigreturn
sigsuspend socketcall socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range
syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime
timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill
truncate truncate64 ugetrlimit umask uname unlink unlinkat utime utimensat utimensat_time64 utimes vfork vmsplice
wait4 waitid waitpid write writev
""".split()

# What depends on an argument, or has an answer of its own.
SPECIAL = {"clone": "clone", "clone3": "missing", "socket": "socket", "personality": "personality"}


def numbers(header):
    found = re.findall(r"^#define __NR_(\w+) (\d+)$", header.read_text(), re.M)
    return {int(number): name for name, number in found}


def verdict(name):
    if name is None:
        return "missing"
    return SPECIAL.get(name, "allowed" if name in ALLOWED else "refused")


def rows(names):
    last = None
    for number in range(max(names) + 2):
        now = verdict(names.get(number))
        if now != last:
            yield number, now
        last = now


def main():
    include = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/include/x86_64-linux-gnu/asm")
    tables = {"i386": numbers(include / "unistd_32.h"), "x86_64": numbers(include / "unistd_64.h")}
    known = set(tables["i386"].values()) | set(tables["x86_64"].values())
    unknown = [name for name in ALLOWED if name not in known]
    if unknown:
        sys.exit("in no header: " + " ".join(unknown))
    out = ["// Written by scripts/generate-syscall-tables.py: change that, not this.", "", "extension SeccompProfile {"]
    for abi, names in tables.items():
        property_name = {"i386": "i386", "x86_64": "amd64"}[abi]
        out.append(f"  /// What {abi} programs may call: from each number on, up to the next row's.")
        out.append(f"  static let {property_name}: [Row] = [")
        items = [f"Row({number}, .{action})," for number, action in rows(names)]
        line = "   "
        for item in items:
            if len(line) + 1 + len(item) > 120:
                out.append(line)
                line = "   "
            line += " " + item
        out += [line, "  ]", ""]
    out[-1] = "}"
    target = pathlib.Path(__file__).resolve().parents[1] / "Sources/ContainerRunner/Seccomp/SyscallTables.swift"
    target.write_text("\n".join(out) + "\n")
    write_names(tables)


def write_names(tables):
    """All names, for filters that others describe: by number, `-` where a number has no name."""
    out = ["// Written by scripts/generate-syscall-tables.py: change that, not this.", "", "enum SyscallNames {"]
    for abi, names in tables.items():
        property_name = {"i386": "i386", "x86_64": "amd64"}[abi]
        out.append(f"  /// {abi}'s calls from number 0 on, `-` where there is none.")
        out.append(f'  static let {property_name}: StaticString = """')
        line = "   "
        for name in (names.get(number, "-") for number in range(max(names) + 1)):
            if len(line) + 1 + len(name) > 118:
                out.append(line + " \\")
                line = "   "
            line += " " + name
        out += [line, '    """', ""]
    out[-1] = "}"
    target = pathlib.Path(__file__).resolve().parents[1] / "Sources/OCIRuntime/SyscallNames.swift"
    target.write_text("\n".join(out) + "\n")


main()
