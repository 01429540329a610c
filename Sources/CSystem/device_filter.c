#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "CSystem.h"
#include "kernel.h"

enum { LOAD_PROGRAM = 5, ATTACH_PROGRAM = 8, OF_CGROUP_DEVICES = 15, TO_DEVICES = 6, ALONG_WITH_OTHERS = 2 };

// The beginnings of bpf(2)'s argument; what follows in the kernel's is taken for 0.
struct load {
  uint32_t type, count;
  uint64_t instructions, license;
  uint32_t log_level, log_size;
  uint64_t log;
  uint32_t kernel_version, flags;
};
struct attach {
  uint32_t target, program, type, flags;
};

int system_filter_devices(int cgroup, const uint64_t *instructions, size_t count) {
  static const char license[] = "MIT";
  struct load load = {.type = OF_CGROUP_DEVICES, .count = (uint32_t)count,
      .instructions = (uint64_t)(uintptr_t)instructions, .license = (uint64_t)(uintptr_t)license};
  int program = (int)syscall(SYS_bpf, LOAD_PROGRAM, &load, sizeof load);
  if (program < 0) return -errno;
  struct attach attach = {(uint32_t)cgroup, (uint32_t)program, TO_DEVICES, ALONG_WITH_OTHERS};
  int result = syscall(SYS_bpf, ATTACH_PROGRAM, &attach, sizeof attach) < 0 ? -errno : 0;
  close(program);
  return result;
}
