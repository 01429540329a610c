// The executor: walks a list of steps, encoded as bytes by ContainerRunner's LaunchPlan, and performs them one by one.
// The agent runs its own list in-process; the cloned child runs the second one up to exec; a third, if there is one, is
// run meanwhile by the mounter, a process that hands what it made to the child. Nothing here allocates, takes a lock or
// calls what is not async-signal-safe, for these are copies of a process that may have been anywhere.
//
// A step is four 32-bit words in the machine's order (operation, bytes in all, how many numbers, how many strings),
// then the numbers, 32 bits each, then the strings, each ended by NUL, then zeros up to a multiple of four.
// Descriptors that live longer than a step stand in numbered slots, -1 where empty.
#pragma once
#include <stddef.h>
#include <stdint.h>

// In brackets the numbers, after them the strings. 64-bit numbers are two, the low half first.
enum executor_operation {
  EXECUTOR_MAKE_DIRECTORY = 1,     // [mode] path; one that is there is as good
  EXECUTOR_WRITE_FILE,             // path, text
  EXECUTOR_OPEN,                   // [slot, flags, mode] path
  EXECUTOR_WRITE,                  // [slot] text
  EXECUTOR_OWN,                    // [slot, user, group], or [EXECUTOR_NO_SLOT, user, group] path
  EXECUTOR_OPEN_TREE,              // [slot, recursive] path: a detached copy of the mount there
  EXECUTOR_CHANGE_MOUNT,           // [slot, attributes, private, recursive, user namespace's slot or EXECUTOR_NO_SLOT]
  EXECUTOR_OVERLAY,                // [slot, volatile, lower's slot...] upper, work: a detached overlay mount, of lowers from
                                   // the uppermost on; without upper and work it is only to be read
  EXECUTOR_LIMIT_FILES,            // [bytes (2), files (2)] path, name: what may lie below the directory, 0 as much as there is room
                                   // for; not of one that has a file of that name from the time before it was limited
  EXECUTOR_JOIN_NAMESPACE,         // [slot, kinds]: of a namespace, or those of the process of a pidfd
  EXECUTOR_UNSHARE,                // [kinds]
  EXECUTOR_WAIT,                   // [byte] for this byte on the control pipe; its end instead means exit
  EXECUTOR_MOUNT,                  // [flags, make the target] source, target, type, data
  EXECUTOR_UNMOUNT,                // [flags] path
  EXECUTOR_MOVE_MOUNT,             // [slot, make the target] target
  EXECUTOR_ENTER_DIRECTORY,        // [slot]
  EXECUTOR_CHANGE_DIRECTORY,       // path
  EXECUTOR_PIVOT_ROOT,             // the working directory becomes the root, the old root lies over it
  EXECUTOR_CHANGE_ROOT,            // path
  EXECUTOR_MAKE_NODE,              // [mode, major, minor] path
  EXECUTOR_BIND_NODE,              // source, target: an empty file, and the device bound over it
  EXECUTOR_LINK,                   // target, path: symbolic
  EXECUTOR_MASK,                   // path: hidden by /dev/null or an empty directory; one that is missing is as good
  EXECUTOR_READ_ONLY,              // [mount_setattr is there] path; one that is missing is as good
  EXECUTOR_LOOPBACK,               // brings lo up
  EXECUTOR_HOSTNAME,               // name
  EXECUTOR_LIMIT,                  // [resource, soft (2), hard (2)]
  EXECUTOR_NEW_SESSION,            //
  EXECUTOR_RESET_SIGNALS,          // default dispositions, nothing blocked
  EXECUTOR_STANDARD_STREAMS,       // [slot, slot, slot]
  EXECUTOR_CLOSE_OTHERS,           // [slot...]: all descriptors but these, 0, 1, 2 and what leads to the others
  EXECUTOR_DIE_WITH_PARENT,        // when the agent dies, so does this
  EXECUTOR_HIDE,                   // nobody who is in a container already may look at this copy of the agent (ptrace(2))
  EXECUTOR_KILL,                   // [process]: in no plan; a test lets the agent die at a step of another process
  EXECUTOR_HAND_OVER,              // [slot...]: the mounter's last step, to the container's process
  EXECUTOR_TAKE_OVER,              // [socket's slot, slot...]: waits for what the mounter hands over
  EXECUTOR_UMASK,                  // [mask]
  EXECUTOR_LIMIT_CAPABILITIES,     // [kept in the bounding set (2)]
  EXECUTOR_GROUPS,                 // [group...]: the additional ones
  EXECUTOR_GROUP,                  // [group]
  EXECUTOR_USER,                   // [user, keep capabilities over the change]
  EXECUTOR_SET_CAPABILITIES,       // [effective (2), permitted (2), inheritable (2), ambient (2)]
  EXECUTOR_NO_NEW_PRIVILEGES,      //
  EXECUTOR_SECCOMP,                // [a BPF program, two numbers an instruction]
  EXECUTOR_TERMINAL,               // [socket's slot, user, group, rows, columns, bind /dev/console]
  EXECUTOR_EXECUTE,                // [candidates, arguments, lacking] candidate..., argument..., environment...
  // What only an OCI runtime's plans have (executor_runtime.c), after executor_enable_runtime.
  EXECUTOR_SET_MOUNT,              // [slot or EXECUTOR_NO_SLOT, set, cleared, propagation, recursive] path if there is no slot
  EXECUTOR_MOUNT_COPY,             // [flags] source, target, type, data: as EXECUTOR_MOUNT, with a copy of what the target held
  EXECUTOR_MAKE_DEVICE,            // [mode, major, minor, user, group] path; one that is there is as good
  EXECUTOR_LINK_IF_MISSING,        // target, path: symbolic
  EXECUTOR_DOMAIN_NAME,            // name
  EXECUTOR_NEW_KEYRING,            // a session keyring of its own, instead of the runtime's caller's
  EXECUTOR_PERSONALITY,            // [personality]
  EXECUTOR_SCHEDULER,              // [policy, flags, nice, priority, runtime (2), deadline (2), period (2)]
  EXECUTOR_IO_PRIORITY,            // [class and priority, as ioprio_set(2) has them]
  EXECUTOR_SECCOMP_FLAGS,          // [flags, a BPF program, two numbers an instruction]
  EXECUTOR_RUN_HOOK,               // [seconds or 0, arguments] path, state before the process's number, state after it,
                                   // argument..., environment...
  EXECUTOR_FIND_PROGRAM,           // candidate...: one of them can be run
  EXECUTOR_ANNOUNCE,               // [byte]: writes it to the control pipe, for the runtime to go on
  EXECUTOR_STAND_ALONE,            // [control's slot, errors' slot]: from here on these are the control and the error pipe
};

#define EXECUTOR_NEVER_RAN 124  // the child's exit code when it ends before its program
#define EXECUTOR_SLOTS 124
#define EXECUTOR_NO_SLOT 0xffffffffu
#define EXECUTOR_MAX_STRINGS 2048  // of EXECUTOR_EXECUTE: its vectors stand on the stack
#define EXECUTOR_MAX_GROUPS 64
// Where the unpacker writes what a program needs of a processor: the features in two bytes, then the path of its loader.
#define EXECUTOR_NEEDS_ATTRIBUTE "user.microagent.needs"
#define EXECUTOR_LACKING 0x10000  // an error: with the features that a program needs and the processor lacks

// What stopped a list. Eight bytes, as they stand on the error pipe.
struct executor_failure {
  uint32_t step;  // its number in the plan
  int32_t error;  // errno
};

// Performs steps of the agent's. Returns 0, or -1 with the failure told, counted from 0.
int executor_perform(const uint8_t *steps, size_t count, int32_t *slots, struct executor_failure *failure);

// Lets plans have the operations of an OCI runtime. Who never calls it does not have their code either.
void executor_enable_runtime(void);

// Has the kernel load its overlay file system where that is a module. Without it a mounter says so.
void executor_load_overlay(void);

struct executor_mounter {
  int32_t process;
  int32_t pidfd;   // both close on exec
  int32_t mounts;  // for the slot that the child's EXECUTOR_TAKE_OVER names
};

// Starts the process that performs the mounter's list; `first` is the number of its first step in the plan. Returns 0
// or the negative errno; then there is no process.
int executor_start_mounter(const uint8_t *steps, size_t count, uint32_t first, int32_t *slots,
                           struct executor_mounter *mounter);

struct executor_child {
  int32_t process;
  int32_t pidfd;    // all three close on exec
  int32_t control;  // the agent's end of the control pipe (a socket, for that knows a way without SIGPIPE): its end
                    // makes the child exit
  int32_t errors;   // read end of the error pipe: a failure, or its end when the child is running its program
};

// Where a child is born: a cgroup v2 directory, and the pid namespace of the process of a pidfd, or -1 for the agent's.
struct executor_birthplace {
  int32_t cgroup, process;
};

// Clones a child that performs `steps`; `first` is the number of the first one in the plan. Returns 0 or the negative
// errno; then there is no child.
int executor_clone(const uint8_t *steps, size_t count, uint32_t first, int32_t *slots, uint64_t namespaces,
                   struct executor_birthplace birthplace, struct executor_child *child);

// Writes the id maps of a child with a user namespace of its own (text as for /proc/PID/uid_map), for which it waits.
// Returns 0 or the negative errno; then there is no child any more.
int executor_map_ids(const struct executor_child *child, const char *user_map, const char *group_map);

// Sends the go byte. Returns 0, also when the child is gone, or the negative errno.
int executor_release(int control);

// Sends another byte that a plan waits for, and takes the next one that it announces: returns it, or the negative errno;
// 0: the child is gone. Waits for it.
int executor_send(int control, char byte);
int executor_receive(int control);

// A user namespace with these maps, as a descriptor: what an id-mapped mount needs. Negative errno on failure.
int executor_user_namespace(const char *user_map, const char *group_map);
