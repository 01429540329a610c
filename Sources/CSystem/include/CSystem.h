// What Swift cannot import from libc and the kernel: variadic functions, macros, errno, and system calls without a
// wrapper. Every function returns what the call returns, or the negative errno: no caller reads errno itself.
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "executor.h"

// Files. Paths are NUL-terminated; flags are open(2)'s, O_CLOEXEC is always added.
int system_open(const char *path, int flags, unsigned mode);
int system_openat(int directory, const char *path, int flags, unsigned mode);
int system_close(int descriptor);
// All from `first` to `last`; those that are not open are passed over.
int system_close_range(unsigned first, unsigned last);
ssize_t system_read(int descriptor, void *buffer, size_t count);
ssize_t system_write(int descriptor, const void *buffer, size_t count);
ssize_t system_pread(int descriptor, void *buffer, size_t count, int64_t offset);
ssize_t system_pwrite(int descriptor, const void *buffer, size_t count, int64_t offset);
ssize_t system_splice(int from, int to, size_t count);  // non-blocking, at both files' own positions
int system_pipe_bytes(int pipe);                        // how many a pipe holds
int system_punch_hole(int descriptor, int64_t offset, int64_t length);
int system_allocate(int descriptor, int64_t length);  // room on the disk for so much
int system_ftruncate(int descriptor, int64_t length);
int system_seek_end(int descriptor);
int system_mkdir(const char *path, unsigned mode);
int system_rmdir(const char *path);
int system_unlink(const char *path);
int system_rename(const char *from, const char *to);
int system_rename_new(const char *from, const char *to);  // -EEXIST rather than replacing a file
int system_symlink(const char *target, const char *path);
int system_chmod(const char *path, unsigned mode);
int system_chown(const char *path, uint32_t user, uint32_t group);
int system_fsync(int descriptor);
int system_watchdog_timeout(int device, int seconds);  // to what its driver takes of it, which is returned
int system_watchdog_boot_status(int device);           // WDIOF_ bits (watchdog-api.rst)
int system_lock(int descriptor);  // the whole file, for this process and not for its children; does not wait

struct system_file_status {
  uint64_t size_bytes;
  uint64_t inode;
  uint64_t device;
  uint32_t mode;
  uint32_t user;
  uint32_t group;
  int64_t modified_seconds;
  uint32_t modified_nanoseconds;
};
int system_stat(const char *path, struct system_file_status *status);   // follows links
int system_lstat(const char *path, struct system_file_status *status);  // does not
int system_fstat(int descriptor, struct system_file_status *status);
long system_readlink(const char *path, char *buffer, size_t capacity);

// Files in an open directory, by a name without `/`. None of these follows a link of that name.
int system_open_beneath(int root, const char *path, int flags);  // a whole path: its links lead no further up than `root`
int system_fstatat(int directory, const char *name, struct system_file_status *status);
int system_mkdirat(int directory, const char *name, unsigned mode);
int system_mkfifoat(int directory, const char *name, unsigned mode);
int system_make_whiteout(int directory, const char *name);  // what an overlay takes for nothing
int system_symlinkat(const char *target, int directory, const char *name);
int system_linkat(int from, const char *name, int to, const char *new_name);
int system_unlinkat(int directory, const char *name);
int system_remove_directory_at(int directory, const char *name);
int system_rename_new_at(int from, const char *name, int to, const char *new_name);  // -EEXIST rather than replacing
int system_fchownat(int directory, const char *name, uint32_t user, uint32_t group);
int system_fchown(int descriptor, uint32_t user, uint32_t group);
int system_fchmod(int descriptor, unsigned mode);
int system_set_attribute(int descriptor, const char *name, const void *value, size_t count);
int system_set_modified(int descriptor, int64_t seconds, uint32_t nanoseconds);
int system_set_modified_at(int directory, const char *name, int64_t seconds, uint32_t nanoseconds);
int system_syncfs(int descriptor);

// The file system below a path: its magic number (statfs(2)) and its free and total bytes.
struct system_filesystem_status {
  uint64_t magic;
  uint64_t free_bytes;
  uint64_t total_bytes;
};
int system_statfs(const char *path, struct system_filesystem_status *status);

// Limits of what lies below a directory (EXECUTOR_LIMIT_FILES). None of these is about a directory that the executor has not
// limited: -ENODATA. 0 is no limit.
int system_keeps_project_quotas(int descriptor);  // 1, or 0: the file system that it is in counts at most, and refuses nothing
int system_limit_files(int directory, uint64_t bytes, uint64_t files);  // may wait for the disk
// Does not wait for the disk where somebody is writing there.
int system_used_files(int directory, uint64_t *bytes, uint64_t *files);

// Disks and cards, as files that are open.
int system_block_device(int descriptor, uint32_t numbers[2]);  // its major and minor number; -ENOTBLK: it is none
int64_t system_end_offset(int descriptor);                     // how many bytes a device or a file has
int system_forget_cached(int descriptor);  // the next read is of the medium; what was written must be synced before
int system_reread_partitions(int descriptor);

// Pipes, memory files, event descriptors. All are close-on-exec.
int system_pipe(int descriptors[2], int nonblocking);
int system_memfd(const char *name);
int system_eventfd(void);  // non-blocking, counting from 0
int system_dup(int descriptor, int at_least);
int system_set_nonblocking(int descriptor, int on);

// Processes.
int system_pidfd_open(int32_t process);
int system_pidfd_send_signal(int pidfd, int signal);
int system_kill(int32_t process, int signal);
int system_set_child_subreaper(void);
int system_set_parent_death_signal(int signal);
int system_set_process_name(const char *name);
int system_set_umask(unsigned mask);
int system_raise_descriptor_limit(void);  // to the most that is allowed
struct system_exit_status {
  int32_t process;  // 0: none has ended yet
  int32_t code;     // exit code, or the signal
  int32_t by_signal;
};
// waitid(2) without waiting. `process` 0 means any child. With `keep` the zombie stays to be waited for again.
int system_wait(int32_t process, int keep, struct system_exit_status *status);
int system_wait_for_end(int32_t process);  // until a child has ended, and collects it

// Has the kernel ask a program (eBPF, linux/bpf.h's BPF_PROG_TYPE_CGROUP_DEVICE) about each use of a device by what is in a
// control group v2, as long as there is that group.
int system_filter_devices(int cgroup, const uint64_t *instructions, size_t count);

// Takes from the calling process all that unpacking into `directory` does not need, for good: that directory is all it sees
// of the file system, and it has only the system calls and capabilities that make files. Only what it has open leads out. `memory_bytes` limits what it may allocate.
int system_confine_to(int directory, uint64_t memory_bytes);
// Lets others go first, at the processor and at the disk.
int system_give_way(void);

int32_t system_fork(void);
// Starts a program with a standard input of its own, and nothing else open but the other two streams. Returns its number, or the
// negative errno; that it could not be run shows as its end with code 127.
int32_t system_run_program(const char *path, char *const *arguments, char *const *environment, int input);
int32_t system_parent(void);
int32_t system_self(void);
int system_close_from(int first);   // closes this descriptor and all above it
int system_close_others(int kept);  // closes all but the three standard ones and this one
_Noreturn void system_exit(int code);  // without running what C registered for the end

// Signals as messages: blocks these signals and returns a non-blocking descriptor that reads them.
int system_signal_descriptor(const int *signals, size_t count);
int system_next_signal(int descriptor);  // the number, or -EAGAIN
int system_unblock_all_signals(void);
int system_ignore_signal(int signal);

// The caller's terminal (standard input) hands on each byte as it is typed, until it is restored; a terminal gets the size
// that it has; and a process of its own copies standard input to a descriptor, until its end: returns its number.
int system_terminal_make_raw(void);
void system_terminal_restore(void);
int system_terminal_follow_size(int terminal);
int system_terminal_size(unsigned *rows, unsigned *columns);  // of the caller's
int system_terminal_resize(int terminal, unsigned rows, unsigned columns);
int32_t system_copy_input(int to);

// Waits until one of these is readable or hung up, or the time is over (-1: none); returns how many are.
// On return readable[i] is 1 for each that is.
int system_wait_readable(const int *descriptors, int *readable, size_t count, int timeout_milliseconds);

// A pair of connected sockets that keep messages apart (SOCK_SEQPACKET), and messages with descriptors in them.
// Without `wait` neither waits. A receive returns the byte count, 0 at the end; at most `capacity` descriptors are taken.
enum { SYSTEM_MESSAGE_DESCRIPTORS = 4 };
int system_socket_pair(int descriptors[2]);
ssize_t system_send_message(int socket, const void *bytes, size_t count, const int *descriptors,
                            size_t descriptor_count, int wait);
ssize_t system_receive_message(int socket, void *bytes, size_t capacity, int *descriptors, size_t *descriptor_count,
                               int wait);
ssize_t system_next_message_bytes(int socket);     // of the one that the next receive takes; does not wait
int system_wait_message(int socket, int or_room);  // until there is one, or the end, or also room for one
int system_end_sending(int socket);                // the peer finds the end behind what it was sent

// Tells a service manager (sd_notify(3)); the path is what NOTIFY_SOCKET says.
int system_notify(const char *socket_path, const char *message);

// Sockets. All are close-on-exec and non-blocking.
int system_unix_listen(const char *path, unsigned mode, int backlog);  // replaces a socket file nobody listens on
int system_unix_connect(const char *path);
// Begins to connect over TCP; writable when that has come to an end, which system_socket_error tells: 0, or -errno.
int system_tcp_connect(const struct sockaddr *address);
int system_socket_error(int socket);
int system_set_congestion_control(int socket, const char *name);  // TCP's, where the kernel has it (tcp(7))
// A TCP socket takes more when the kernel has not sent less than this of what it has.
int system_limit_unsent(int socket, unsigned bytes);
int system_has_congestion_control(int socket, const char *name);  // 1 or 0
struct system_peer_credentials {
  int32_t process;
  uint32_t user;
  uint32_t group;
};
int system_peer_credentials(int socket, struct system_peer_credentials *credentials);
// UDP at an address of this host, or at any of its own family.
int system_udp_socket(const struct sockaddr *address);
int system_local_address(int socket, struct sockaddr_storage *address);
// UDP on one interface: on the group's port, which others may have too, and in the group. What it sends may pass 255 hops.
int system_multicast_socket(const struct sockaddr *group, unsigned interface);
// IPv4 or IPv6, of which the latter is the longer.
struct system_datagram {
  struct sockaddr_in6 source;
  struct sockaddr_in6 local;  // the address of ours that it was sent to; of no family if it was sent to a group
  int32_t is_multicast;       // it was sent to a group
};
// From an address of ours, or with NULL from the one that the kernel chooses.
ssize_t system_send_datagram(int socket, const void *bytes, size_t count, const struct sockaddr *to,
                             const struct sockaddr *from);
ssize_t system_receive_datagram(int socket, void *buffer, size_t capacity, struct system_datagram *datagram);

// The kernel's messages about links and addresses, as they change. What others send to the socket is passed over.
int system_route_socket(void);
// For requests to netfilter, which are done when they are sent; answers are there then.
int system_netfilter_socket(void);
// The same about links (rtnetlink(7)), in the network namespace of the process of a pidfd, or with -1 in this one's.
int system_route_requests(int pidfd);
int system_port_is_free(unsigned port, int is_udp);  // 1 or 0: somebody on this machine has it
ssize_t system_receive_from_kernel(int socket, void *buffer, size_t capacity);

// The address that this machine would speak from to another one. Nothing is sent.
int system_source_address(const struct sockaddr *to, struct sockaddr_storage *from);

int system_is_kernel_64(void);  // whether the kernel runs 64-bit programs, though this one may have 32

// For a command that waits: which of these is ready, as a sum. A socket until it can be read (or written), a descriptor
// of signals, an output until nobody reads it any more, an input. Negative descriptors are passed over; 0: the time is over.
enum { SYSTEM_SOCKET_READY = 1, SYSTEM_SIGNAL_READY = 2, SYSTEM_OUTPUT_CLOSED = 4, SYSTEM_INPUT_READY = 8 };
int system_wait_client(int socket, int for_writing, int signals, int output, int input, int timeout_milliseconds);
int system_is_terminal(int descriptor);
int system_current_directory(char *buffer, size_t capacity);
int system_real_path(const char *path, char *buffer, size_t capacity);  // without links and dots; it must exist

// Whether the file of this program cannot be written through /proc/PID/exe, whoever tries: that of a process in a container
// may be there for the container's programs to open. Runs the program again so that it is so, from a detached mount that is only
// to be read; needs Linux 5.12 and rights to mount. Returns the negative errno, or not at all.
int system_program_is_unwritable(void);
int system_run_unwritable(char *const *arguments);

// Forgets the program's code and constants, which only the file gives, until they are used again.
int system_release_program(void);
// system_wait_readable without an end, that releases the program when there has been nothing for so long.
int system_wait_quietly(const int *descriptors, int *readable, size_t count, int quiet_milliseconds);

// Clocks, in nanoseconds.
uint64_t system_monotonic_time(void);
uint64_t system_wall_time(void);

// Fills a buffer with bytes for keys and nonces. Waits only early after the machine's start, for the kernel's generator.
int system_random(void *buffer, size_t count);

// An error number as text.
const char *system_error_text(int code);
